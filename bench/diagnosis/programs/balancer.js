// A load balancer that is not Heddle's: HAProxy or nginx, as KIND says, set up anew whenever an incident changes what it does.
//   {"delayMs": 200}        HAProxy waits before it passes a request on
//   {"requestsPerSecond": 12} nginx lets no more through and has the others queue
//   {"share": 0.3}          that part is answered 503 by the balancer itself
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { watchFaults } from "./faults.js";

const { KIND, TO, SERVICE, HOST, PORT, DATA_DIRECTORY } = process.env;
const upstream = new URL(process.env[`${TO.toUpperCase().replaceAll("-", "_")}_URL`]).host;
const folder = DATA_DIRECTORY;
mkdirSync(folder, { recursive: true });

const LUA = (delayMs) =>
  `core.register_action("wait", { "http-req" }, function(txn) core.msleep(${Math.round(delayMs)}) end)\n`;

const haproxy = ({ delayMs, share }) => `
global
    log stdout format raw local0 warning
    nbthread 1
    lua-load ${join(folder, "wait.lua")}
    stats socket ${join(folder, "admin")} mode 600 level admin
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend in
    bind ${HOST}:${PORT}
    monitor-uri /healthz
    ${share ? `http-request return status 503 content-type text/plain string "by the balancer" if { rand(1000) lt ${Math.round(share * 1000)} }` : ""}
    ${delayMs ? "http-request lua.wait" : ""}
    default_backend out
backend out
    server one ${upstream}
`;

const nginx = ({ requestsPerSecond, share }) => `
daemon off;
worker_processes 1;
pid ${join(folder, "pid")};
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${join(folder, "body")};
  proxy_temp_path ${join(folder, "proxy")};
  fastcgi_temp_path ${join(folder, "fastcgi")};
  uwsgi_temp_path ${join(folder, "uwsgi")};
  scgi_temp_path ${join(folder, "scgi")};
  upstream out { server ${upstream}; keepalive 64; }
  ${share ? `split_clients "$request_id" $is_refused { ${(share * 100).toFixed(1)}% 1; * 0; }` : ""}
  ${requestsPerSecond ? `limit_req_zone $server_name zone=all:1m rate=${Math.round(requestsPerSecond)}r/s;` : ""}
  server {
    listen ${HOST}:${PORT};
    location = /healthz { return 200 "ok"; }
    location / {
      ${share ? "if ($is_refused) { return 503; }" : ""}
      ${requestsPerSecond ? "limit_req zone=all burst=400;" : ""}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass http://out;
    }
  }
}
`;

let child;
function start(fault) {
  const file = join(folder, `${KIND}.conf`);
  if (KIND === "haproxy") {
    writeFileSync(join(folder, "wait.lua"), LUA(fault.delayMs ?? 0));
    writeFileSync(file, haproxy(fault));
    // In master-worker mode SIGUSR2 has a new worker take over the listener without losing a connection.
    if (child === undefined) child = spawn("haproxy", ["-q", "-W", "-db", "-f", file], { stdio: "inherit" });
    else child.kill("SIGUSR2");
  } else {
    writeFileSync(file, nginx(fault));
    if (child === undefined) child = spawn("nginx", ["-c", file, "-p", folder], { stdio: "inherit" });
    else child.kill("SIGHUP");
  }
}

watchFaults([SERVICE], start);
child.on("exit", (status) => process.exit(status ?? 1));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill("SIGTERM"));

// The shopper: somebody outside the mesh who only knows the shop's public address. Sends requests at a steady rate with
// jitter, whether or not the last ones were answered, as a crowd of people does; and keeps its own account of how it went.
//   GET /stats on its own port tells: every second of the last minutes with requests, failures and latencies.
import http from "node:http";

const gateway = new URL(process.env.GATEWAY_URL ?? "http://127.0.0.1:8080");
const perSecond = Number(process.env.RATE ?? 35);
const SHOPPERS = 40;
const IN_FLIGHT_MAX = 400;
const TIMEOUT_MS = 10_000;
const SECONDS_KEPT = 600;
const FAILURES_KEPT = 20;
const TELL_EVERY_S = 10;

const agent = new http.Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 64 });
const words = ["oak", "linen", "wool", "reed", "bobbin", "heddle"];
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const product = () => `p${1 + Math.floor(Math.random() * 36)}`;

/** What a crowd does: mostly looking, sometimes buying. */
const MIX = [
  [30, () => ["GET", `/?from=${12 * Math.floor(Math.random() * 3)}`]],
  [15, () => ["GET", `/search?q=${pick(words)}`]],
  [25, () => ["GET", `/product/${product()}`]],
  [10, (who) => ["GET", `/cart/${who}`]],
  [8, (who) => ["POST", `/cart/${who}`, { product: product(), quantity: 1 + Math.floor(Math.random() * 3) }]],
];
const ACTS = MIX.flatMap(([weight, make]) => Array(weight).fill(make));
const CHECKOUT_SHARE = 0.12;

const startedAt = Date.now();
const seconds = new Map();
const failures = [];
const totals = { requests: 0, failed: 0, skipped: 0 };
let inFlight = 0;

function second(at) {
  const key = Math.floor(at / 1000);
  let found = seconds.get(key);
  if (!found) {
    found = { second: key, requests: 0, failed: 0, latenciesMs: [] };
    seconds.set(key, found);
    seconds.delete(key - SECONDS_KEPT);
  }
  return found;
}

function account(path, at, outcome) {
  const slot = second(at);
  slot.requests += 1;
  totals.requests += 1;
  slot.latenciesMs.push(Math.round((performance.now() - outcome.began) * 100) / 100);
  if (outcome.error === undefined) return;
  slot.failed += 1;
  totals.failed += 1;
  failures.push({ atMs: at, path, error: outcome.error });
  if (failures.length > FAILURES_KEPT) failures.shift();
}

/** One request; resolves with its status, or 0 when there was no answer. Anything but 2xx is a failure. */
function send([method, path, body], attempt = 0) {
  const at = Date.now();
  const began = performance.now();
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = payload === undefined ? {} : { "content-type": "application/json", "content-length": payload.length };
  inFlight += 1;
  return new Promise((resolve) => {
    let isDone = false;
    const done = (status, error) => {
      if (isDone) return;
      isDone = true;
      inFlight -= 1;
      account(path, at, { began, error });
      resolve(status);
    };
    const request = http.request(new URL(path, gateway), { method, headers, agent, timeout: TIMEOUT_MS });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => {
        if (text.length < 200) text += part;
      });
      response.on("error", (error) => done(0, error.message));
      response.on("end", () => {
        const reason = response.headers["x-heddle-reason"] ?? "";
        const isFine = response.statusCode < 300;
        done(response.statusCode, isFine ? undefined : `${response.statusCode} ${reason} ${text.slice(0, 200)}`);
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", (error) => {
      // Browsers too repeat a request whose kept connection was closed before anything came back.
      if (!isDone && request.reusedSocket && error.code === "ECONNRESET" && attempt < 2) {
        isDone = true;
        inFlight -= 1;
        resolve(send([method, path, body], attempt + 1));
      } else done(0, error.message);
    });
    request.end(payload);
  });
}

async function buy(who) {
  const status = await send(["POST", `/cart/${who}`, { product: product(), quantity: 1 }]);
  if (status === 200) await send(["POST", `/checkout/${who}`]);
}

function act() {
  if (inFlight >= IN_FLIGHT_MAX) {
    totals.skipped += 1;
    return;
  }
  // A buyer has a cart of its own each time, so that no two orders race for one cart.
  if (Math.random() < CHECKOUT_SHARE / 2) return void buy(`b${totals.requests}-${Math.floor(Math.random() * 1e6)}`);
  const who = `s${Math.floor(Math.random() * SHOPPERS)}`;
  void send(pick(ACTS)(who));
}

/** Waits are drawn so that requests come as by chance, and a late timer is made up for. */
let dueAt = performance.now();
function next() {
  const now = performance.now();
  while (dueAt <= now) {
    act();
    const jitter = Math.min(-Math.log(1 - Math.random()), 4);
    dueAt += (jitter * 1000 * (1 - CHECKOUT_SHARE / 2 + CHECKOUT_SHARE)) / perSecond;
  }
  setTimeout(next, Math.max(1, dueAt - now));
}

function quantile(sorted, share) {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function tell() {
  const now = Math.floor(Date.now() / 1000);
  const recent = [...seconds.values()].filter((each) => each.second >= now - TELL_EVERY_S);
  const latencies = recent.flatMap((each) => each.latenciesMs).sort((a, b) => a - b);
  const failed = recent.reduce((sum, each) => sum + each.failed, 0);
  const rate = (latencies.length / TELL_EVERY_S).toFixed(0);
  console.log(
    `${rate} requests/s, ${failed} failed, p50 ${quantile(latencies, 0.5) ?? "-"} ms, p99 ${quantile(latencies, 0.99) ?? "-"} ms`,
  );
}

const server = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  if (request.url === "/healthz") return response.end("{}");
  response.end(JSON.stringify({ startedAt, totals, inFlight, failures, seconds: [...seconds.values()] }));
});
server.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? "127.0.0.1");

next();
setInterval(tell, TELL_EVERY_S * 1000);
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));

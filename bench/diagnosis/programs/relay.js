// Stands between two agents, as a network does: passes the bytes of AGENT_FILE's agent on, later or not at all when an incident says so.
import { existsSync, readFileSync } from "node:fs";
import net from "node:net";
import { watchFaults } from "./faults.js";

const { AGENT_FILE, LISTEN_PORT, SERVICE, WRONG_AGENT_FILE } = process.env;
const pairs = new Set();
let fault = {};

const meshAddress = (file) => {
  const { address, port } = JSON.parse(readFileSync(file, "utf8")).mesh;
  return { host: address, port };
};

/** Bytes in order, each chunk after the delay. */
function pass(from, to) {
  const chunks = [];
  let isWaiting = false;
  const send = () => {
    const [due, chunk] = chunks[0];
    const leftMs = due - performance.now();
    if (leftMs > 0) return void setTimeout(send, leftMs);
    chunks.shift();
    if (chunk === undefined) to.end();
    else to.write(chunk);
    isWaiting = chunks.length > 0;
    if (isWaiting) send();
  };
  const take = (chunk) => {
    chunks.push([performance.now() + (fault.delayMs ?? 0) / 2, chunk]);
    if (!isWaiting) {
      isWaiting = true;
      send();
    }
  };
  from.on("data", take);
  from.on("end", () => take(undefined));
}

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  // The agent's file is written when the agent starts; who only tries the port before finds it open.
  if (!existsSync(AGENT_FILE)) return void socket.destroy();
  const upstream = net.connect({
    ...meshAddress(fault.isWrong ? WRONG_AGENT_FILE : AGENT_FILE),
    allowHalfOpen: true,
    noDelay: true,
  });
  const pair = {
    end() {
      socket.destroy();
      upstream.destroy();
      pairs.delete(pair);
    },
  };
  pairs.add(pair);
  for (const each of [socket, upstream]) {
    each.on("error", () => pair.end());
    each.on("close", () => pair.end());
  }
  pass(socket, upstream);
  pass(upstream, socket);
});
server.listen(Number(LISTEN_PORT), "127.0.0.1");

const cut = () => {
  for (const pair of pairs) pair.end();
};
watchFaults([SERVICE], (now) => {
  if (Boolean(now.isWrong) !== Boolean(fault.isWrong)) cut();
  fault = now;
});
setInterval(() => fault.cutsPerSecond && Math.random() < fault.cutsPerSecond / 20 && cut(), 50).unref();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));

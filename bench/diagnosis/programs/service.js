// A service of a made-up application: SPEC says what it does by itself and whom it calls; the faults of an incident change it.
//   SPEC: {"ownMs": 5, "slots": 64, "calls": [[{"to": "cart", "chance": 0.7, "isOptional": true}], …]}
// Groups of calls run one after the other, the calls of a group at once.
import http from "node:http";
import { watchFaults } from "./faults.js";

const { SERVICE, INSTANCE, VERSION, HOST, PORT, SPEC } = process.env;
const spec = JSON.parse(SPEC);
const CONTEXT_HEADERS = ["traceparent", "tracestate", "x-request-id", "x-user"];
const CALL_TIMEOUT_MS = 5000;

let fault = {};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 32 });

/** As many requests at once as there are slots; the others queue in order. */
let free = spec.slots;
const queue = [];
function takeSlot() {
  if (free > 0) {
    free--;
    return undefined;
  }
  return new Promise((resolve) => queue.push(resolve));
}
function leaveSlot() {
  const next = queue.shift();
  if (next) next();
  else free++;
}

/** Around the mean, never far below it. */
const around = (ms) => ms * (0.5 + 0.5 * -Math.log(1 - Math.random()));

async function work() {
  await takeSlot();
  try {
    await sleep(around(spec.ownMs) + (fault.delayMs ? around(fault.delayMs) : 0));
  } finally {
    leaveSlot();
  }
  if (fault.status && Math.random() < (fault.share ?? 1))
    throw Object.assign(new Error("by a fault"), { status: fault.status });
}

function get(to, headers, timeout) {
  const base = process.env[`${to.toUpperCase().replaceAll("-", "_")}_URL`];
  return new Promise((resolve, reject) => {
    const request = http.get(`${base}/work`, { headers, agent, timeout }, (response) => {
      response.on("data", () => {});
      response.on("end", () => resolve(response.statusCode));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("too late")));
    request.on("error", reject);
  });
}

async function call({ to, chance = 1, isOptional = false }, headers) {
  if (Math.random() >= chance) return;
  // An impatient program asks again although the answer to its first question is still being made.
  const asked = Array.from({ length: fault.repeats ?? 1 }, () => get(to, headers, CALL_TIMEOUT_MS));
  const statuses = await Promise.all(asked).catch((error) => [error]);
  const bad = statuses.find((status) => !(status < 400));
  if (bad !== undefined && !isOptional) throw Object.assign(new Error(`${to}: ${bad}`), { status: 502 });
}

async function answer(request, response) {
  if (request.url === "/healthz") return response.end("ok");
  const headers = Object.fromEntries(
    CONTEXT_HEADERS.filter((each) => request.headers[each]).map((each) => [each, request.headers[each]]),
  );
  try {
    await work();
    for (const group of spec.calls) await Promise.all(group.map((each) => call(each, headers)));
    response.end(`${SERVICE}\n`);
  } catch (error) {
    response.statusCode = error.status ?? 500;
    response.end(`${error.message}\n`);
  }
}

const server = http.createServer((request, response) => void answer(request, response));
server.keepAliveTimeout = 120_000;
watchFaults([INSTANCE, `${SERVICE}@${VERSION}`, SERVICE], (now) => {
  if (now.isDown) {
    server.close();
    server.closeAllConnections();
  } else if (!server.listening) server.listen(Number(PORT), HOST);
  fault = now;
});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));

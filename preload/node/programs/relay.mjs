// A service that asks the next one in the way that the path names, and answers with the fields that the next one got. The next one is
// this program too: `/echo` answers with the fields of the request. Prints its addresses and ways once it listens.
import { EventEmitter, once } from "node:events";
import http, { get } from "node:http";
import http2, { connect } from "node:http2";
import { createRequire } from "node:module";
import { pipeline, Transform } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const require = createRequire(import.meta.url);
const OWN = "00-11111111111111111111111111111111-1111111111111111-01";
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
const bus = new EventEmitter();
const next = { h1: "", session: undefined };

function fieldsOf(answer) {
  return new Promise((resolve, reject) => {
    let text = "";
    answer.setEncoding("utf8");
    answer.on("data", (part) => {
      text += part;
    });
    answer.on("end", () => resolve(JSON.parse(text)));
    answer.on("error", reject);
  });
}

const asked = (options = {}) =>
  new Promise((resolve, reject) => {
    get(`${next.h1}/echo`, { agent, ...options }, (answer) => resolve(fieldsOf(answer))).on("error", reject);
  });

function askedOverHttp2(headers = {}) {
  const stream = next.session.request({ ":path": "/echo", ...headers });
  return fieldsOf(stream);
}

const fetched = async (input, init) => (await fetch(input, init)).json();

/** A server in a thread, which asks on by itself. */
const THREAD = `
  const http = require("node:http");
  http.createServer((_, response) => http.get(process.env.NEXT, (answer) => answer.pipe(response)))
    .listen(0, "127.0.0.1", function () { require("node:worker_threads").parentPort.postMessage(this.address().port); });`;

const inCallback = (start) => new Promise((resolve) => start(() => resolve(asked())));

/** Way → what the next service got. Unless its name begins with `own-`, that is what this one was given. */
const WAYS = {
  get: () => asked(),
  "callback-of-answer": () =>
    inCallback((done) => get(`${next.h1}/echo`, { agent }, (first) => first.resume().on("end", done))),
  "callback-of-body": (request) => inCallback((done) => request.on("data", () => {}).on("end", done)),
  "body-awaited": async (request) => {
    for await (const _ of request) await wait(1);
    return asked();
  },
  "body-piped": (request) =>
    new Promise((resolve) => {
      const onward = http.request(`${next.h1}/echo`, { method: "POST" }, (answer) => resolve(fieldsOf(answer)));
      const later = new Transform({ transform: (part, _, done) => setImmediate(done, null, part) });
      pipeline(request, later, onward, () => {});
    }),
  timer: () => inCallback((done) => setTimeout(done, 3)),
  immediate: () => inCallback((done) => setImmediate(() => process.nextTick(done))),
  emitter: () =>
    inCallback((done) => {
      const event = Symbol("done");
      bus.once(event, done);
      setTimeout(() => bus.emit(event), 2);
    }),
  retried: async () => {
    for (let attempt = 0; attempt < 2; attempt++) await asked({ port: 1 }).catch(() => wait(1));
    return asked();
  },
  required: () => new Promise((resolve) => require("node:http").get(`${next.h1}/echo`, (it) => resolve(fieldsOf(it)))),
  "header-list": () => asked({ headers: ["Host", "next", "X-Mine", "1"] }),
  fetch: () => fetched(`${next.h1}/echo`),
  "fetch-request": () => fetched(new Request(`${next.h1}/echo`)),
  "fetch-headers": () => fetched(new URL(`${next.h1}/echo`), { headers: new Headers({ "x-mine": "1" }) }),
  "fetch-late": async () => {
    await Promise.all([wait(2), asked()]);
    return fetched(`${next.h1}/echo`, { method: "POST", body: "x" });
  },
  http2: () => askedOverHttp2(),
  "http2-late": () => wait(2).then(() => askedOverHttp2({ "x-mine": "1" })),
  thread: () =>
    new Promise((resolve) => {
      const worker = new Worker(THREAD, { eval: true, env: { ...process.env, NEXT: `${next.h1}/echo` } });
      worker.once("message", (port) => resolve(fetched(`http://127.0.0.1:${port}/`)));
    }),
  "own-traceparent": () => asked({ headers: { TraceParent: OWN } }),
  "own-traceparent-list": () => asked({ headers: ["Host", "next", "Traceparent", OWN] }),
  "own-traceparent-fetch": () => fetched(`${next.h1}/echo`, { headers: { traceparent: OWN } }),
  "own-traceparent-http2": () => askedOverHttp2({ traceparent: OWN }),
  "own-b3": () => asked({ headers: { B3: "0" } }),
  "own-request-id": () => asked({ headers: { "x-request-id": "mine" } }),
};

function serve(request, response) {
  const way = request.url.slice(1);
  if (way === "echo") response.end(JSON.stringify(request.headers));
  else
    WAYS[way](request).then(
      (fields) => response.end(JSON.stringify(fields)),
      (error) => response.end(JSON.stringify({ error: error.message })),
    );
}

const servers = [http.createServer(serve), http2.createServer(serve)];
for (const server of servers) server.listen(0, "127.0.0.1");
await Promise.all(servers.map((server) => once(server, "listening")));
const [h1, h2] = servers.map((server) => `http://127.0.0.1:${server.address().port}`);
next.h1 = h1;
next.session = connect(h2);
console.log(JSON.stringify({ h1, h2, ways: Object.keys(WAYS) }));
process.stdin.on("end", () => process.exit()).resume();

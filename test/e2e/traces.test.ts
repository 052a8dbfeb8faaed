/** Programs that forward no header: the mesh's traces are whole all the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort, heddle, RunningMesh, temporaryFolder, until, writeFiles } from "../fakes/running-mesh.ts";

const directory = temporaryFolder();
const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
let mesh: RunningMesh;
let wrapped: Bun.Subprocess | undefined;
let gateway = "";
let plainGateway = "";

const LEAF = `
import { createServer } from "node:http";
createServer((request, response) => setTimeout(() => response.end("ok"), 2)).listen(process.env.PORT, process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
`;

/** Calls two others, one by a callback, one by \`fetch\`, and tells the trace that it was asked in. */
const FRONT = `
const http = require("http");
http.createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok");
  http.get(process.env.STOCK_URL, (stock) => {
    stock.resume().on("end", async () => {
      await Promise.all([1, 2].map((number) => fetch(process.env.PRICES_URL + "/" + number).then((answer) => answer.text())));
      response.end(JSON.stringify({ instance: process.env.INSTANCE, trace: request.headers.traceparent.split("-")[1] }));
    });
  });
}).listen(process.env.PORT, process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
`;

interface Answer {
  readonly instance: string;
  readonly trace: string;
}

interface Trace {
  readonly calls: readonly {
    readonly depth: number;
    readonly source: string;
    readonly destination: string;
    readonly confidence: number | null;
  }[];
}

beforeAll(async () => {
  const [port, plainPort] = [await freePort(), await freePort()];
  gateway = `http://127.0.0.1:${port}`;
  plainGateway = `http://127.0.0.1:${plainPort}`;
  const yaml = `
apiVersion: heddle.dev/v1
kind: Application
metadata: { name: small }
spec:
  namespace: small
  services:
    - { name: stock, command: node leaf.mjs }
    - { name: prices, command: node leaf.mjs }
    - { name: front, command: node front.cjs, calls: [stock, prices], readiness: { path: /healthz }, env: { NODE_OPTIONS: --no-warnings } }
    - { name: plain, command: node front.cjs, calls: [stock, prices], readiness: { path: /healthz }, env: { HEDDLE_PRELOAD: "off" } }
  gateways:
    - { name: door, port: ${plainPort}, to: plain }
    - { name: edge, port: ${port}, to: front }
`;
  writeFiles(directory, { "heddle.yaml": yaml, "leaf.mjs": LEAF, "front.cjs": FRONT });
  mesh = new RunningMesh(directory);
  await until(
    "the gateway serves",
    () =>
      fetch(gateway).then(
        ({ ok }) => ok,
        () => false,
      ),
    60_000,
  );
}, 90_000);

afterAll(async () => {
  wrapped?.kill("SIGTERM");
  await wrapped?.exited;
  await mesh.stop();
  await mesh.remove();
}, 60_000);

async function ask(from = gateway): Promise<Answer> {
  return (await (await fetch(from)).json()) as Answer;
}

const WHOLE = [
  "0 small/edge → small/front",
  "1 small/front → small/stock",
  "1 small/front → small/prices",
  "1 small/front → small/prices",
];

const lineOf = ({ depth, source, destination, confidence }: Trace["calls"][number]): string =>
  `${depth} ${source} → ${destination}${confidence !== null && confidence > 0.9 ? " by timing" : ""}`;

/** What is known of the trace when it is whole, or after it should have been. */
async function callsOf(id: string, wanted = WHOLE): Promise<readonly string[]> {
  let calls: readonly string[] = [];
  const look = async (): Promise<boolean> => {
    const trace = await mesh.api<Trace>(`/api/v1/traces/${id}`).catch(() => undefined);
    calls = trace?.calls.map(lineOf) ?? [];
    return calls.join() === wanted.join();
  };
  await until(`trace ${id} is whole`, look, 10_000).catch(() => undefined);
  return calls;
}

test("heddle up: one trace of all hops, with requests at once", async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask()));
  expect(new Set(answers.map(({ trace }) => trace)).size).toBe(8);
  for (const { trace } of answers) expect(await callsOf(trace)).toEqual(WHOLE);
}, 60_000);

test("heddle run: the same for a program that is wrapped by itself", async () => {
  const words = ["run", "--service", "front", "--namespace", "small", "--calls", "stock,prices"];
  wrapped = Bun.spawn([process.execPath, MAIN, ...words, "--readiness", "/healthz", "--", "node", "front.cjs"], {
    cwd: directory,
    env: { ...process.env, HOME: directory, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  let answer: Answer | undefined;
  await until("the second front is asked", async () => {
    answer = await ask();
    return answer.instance !== "front";
  });
  expect(await callsOf(answer?.trace ?? "")).toEqual(WHOLE);
}, 60_000);

test("a program that forwards nothing is joined by timing, and that is said", async () => {
  const answers: Answer[] = [];
  for (let number = 0; number < 10; number++) answers.push(await ask(plainGateway));
  const wanted = ["0 small/door → small/plain", ...WHOLE.slice(1).map((line) => line.replace("front", "plain"))];
  const byTiming = wanted.map((line, index) => (index === 0 ? line : `${line} by timing`));
  const id = answers.at(-1)?.trace ?? "";
  expect(await callsOf(id, byTiming)).toEqual(byTiming);
  const drawn = await heddle(directory, ["trace", id]);
  expect(drawn.stdout).toMatch(/^ {2}stock GET \/ \(by timing, \d+ %\)/m);
}, 60_000);

import { afterEach, expect, test } from "bun:test";
import { Command } from "commander";
import type { FlowView, GraphView, TraceView, WhyView } from "#api";
import { palette } from "#engine/terminal";
import { type Failure, success } from "#model";
import { type CommandContext, type OutputFormat, render } from "../context.ts";
import { register as registerTap } from "../tap.ts";
import { register as registerTrace } from "../trace.ts";
import { register as registerWhy } from "../why.ts";
import { fullName } from "./ask.ts";
import { columns, ms, percent } from "./columns.ts";
import { drawFlow, drawGraph, drawPlaintext, drawTrace } from "./draw-traffic.ts";
import { drawWhy } from "./draw-why.ts";

const PLAIN = palette(false);
const servers: { stop(force: boolean): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

const REPORT: WhyView = {
  service: "shop/storefront",
  window: { fromMs: 30_000, toMs: 60_000 },
  baseline: { fromMs: 0, toMs: 30_000 },
  status: "culprit",
  summary: "shop/catalog itself is slow: its own work takes 120 ms more per call.",
  latency: { baselineMs: 14.2, currentMs: 131 },
  errorRate: { baseline: 0, current: 0.004 },
  hops: [
    { hop: "shop/catalog", cause: "application", baselineMs: 3.1, currentMs: 122.4 },
    { hop: "shop/storefront", cause: "application", baselineMs: 6, currentMs: 5.9 },
    { hop: "shop/lb → shop/storefront", cause: "network", baselineMs: 0.4, currentMs: 0.5 },
    { hop: "shop/lb", cause: "proxy", baselineMs: 0.01, currentMs: 0.01 },
  ],
  culprits: [
    {
      hop: "shop/catalog",
      cause: "application",
      share: 0.97,
      confidence: 0.96,
      summary: "shop/catalog itself is slow",
      evidence: ["shop/catalog's own time went from 3.1 ms to 122 ms per call"],
      next: "heddle trace --service shop/catalog --slowest",
    },
  ],
  changes: [{ atMs: 31_000, what: "catalog-1: config-applied (revision 9)" }],
};

test("why draws the verdict first, then the times, the evidence, the changes and the next step", () => {
  const lines = drawWhy(REPORT, PLAIN).split("\n");
  expect(lines[0]).toBe("✗ shop/catalog itself is slow: its own work takes 120 ms more per call.");
  expect(lines[1]).toBe("  shop/storefront   mean 14.2 ms → 131 ms   failed 0 % → 0.4 %");
  const table = lines.slice(lines.indexOf("Where a mean request spends its time") + 1);
  expect(table[0]).toBe("  hop              if slow      before     now   change");
  expect(table[1]).toStartWith("  catalog          application  3.1 ms  122 ms  +119 ms  ████████████████████████");
  expect(table[3]).toStartWith("  lb → storefront  network");
  expect(table[4]).toBe("");
  const text = lines.join("\n");
  expect(text).toContain("1. shop/catalog  application  97 % of the trouble, confidence 96 %");
  expect(text).toContain("   → heddle trace --service shop/catalog --slowest");
  expect(text).toContain("config-applied (revision 9)");
});

const EDGE: GraphView["edges"][number] = {
  source: "shop/a",
  destination: "shop/b",
  mtls: true,
  requests: 30,
  requestsPerSecond: 1,
  successRate: 0.9,
  fromSource: { p50Ms: 1, p99Ms: 2 },
  fromDestination: null,
  denied: 3,
  denyPolicies: ["AuthorizationPolicy/shop/x"],
};

test("stat draws one edge a line and says so when there are none", () => {
  const graph = { generatedAtMs: 0, windowMs: 1, nodes: [], edges: [EDGE] };
  expect(drawGraph(graph, PLAIN).split("\n")[1]).toBe(
    "a       b            ✓     1.0     90 %  1.0 ms  2.0 ms           –       3  AuthorizationPolicy/shop/x",
  );
  expect(drawGraph({ ...graph, edges: [] }, PLAIN)).toBe("No traffic in the window.\n");
});

const FLOW: FlowView = {
  id: "00f067aa0ba902b7",
  atMs: 0,
  reporter: "destination",
  source: "shop/a",
  sourceInstance: "a-1",
  destination: "shop/b",
  destinationInstance: "b-1",
  principal: "",
  mtls: true,
  method: "GET",
  path: "/x",
  status: 403,
  endReason: "policy-denied",
  verdict: "deny",
  policy: "AuthorizationPolicy/shop/x",
  rule: 0,
  observedVerdict: "none",
  observedPolicy: "",
  audits: [],
  durationMs: 0.4,
  traceId: "",
};

test("a denied flow names the policy, and what to ask about it by", () => {
  expect(drawFlow(FLOW, PLAIN)).toContain("flow 00f067aa0ba902b7");
  expect(drawFlow({ ...FLOW, verdict: "allow" }, PLAIN)).not.toContain("00f067aa0ba902b7");
  expect(drawFlow(FLOW, PLAIN)).toContain(
    "shop/a → shop/b (b-1)  GET /x  403 denied by AuthorizationPolicy/shop/x  0.4 ms",
  );
});

test("a caller without identity is told by its address", () => {
  const flow = { ...FLOW, source: "external", sourceInstance: "10.0.0.7", mtls: false };
  expect(drawFlow(flow, PLAIN)).toContain("open  external (10.0.0.7) → shop/b (b-1)");
});

test("callers in the clear are listed with what they call, how often and when last", () => {
  const callers = [
    { address: "10.0.0.7", destination: "shop/cart", requests: 12, lastSeenMs: 1_700_000_000_123 },
    { address: "", destination: "shop/orders", requests: 3, lastSeenMs: 1_700_000_060_000 },
  ];
  expect(drawPlaintext({ generatedAtMs: 0, windowMs: 86_400_000, callers }, PLAIN)).toBe(
    `CALLER    DESTINATION  REQUESTS  LAST SEEN
10.0.0.7  shop/cart          12  2023-11-14T22:13:20Z
others    shop/orders         3  2023-11-14T22:14:20Z
`,
  );
  expect(drawPlaintext({ generatedAtMs: 0, windowMs: 60_000, callers: [] }, PLAIN)).toBe(
    "Nobody called without TLS within 60 s.\n",
  );
});

test("a flow that would have been denied names the policy in observe mode", () => {
  const observed = { observedVerdict: "deny", observedPolicy: "AuthorizationPolicy/shop/y" } as const;
  const flow = { ...FLOW, ...observed, verdict: "allow", status: 200, endReason: "completed" } as const;
  expect(drawFlow(flow, PLAIN)).toContain("200 completed, would be denied by AuthorizationPolicy/shop/y");
});

const TRACE: TraceView = {
  traceId: "abc",
  atMs: 0,
  durationMs: 10,
  entry: "shop/a",
  failed: false,
  calls: [0, 1].map((depth) => ({
    depth,
    source: "external",
    destination: depth === 0 ? "shop/a" : "shop/b",
    instance: "",
    method: "GET",
    path: "/",
    status: 200,
    endReason: "completed",
    startMs: depth * 5,
    durationMs: 10 - depth * 5,
    clientAgentMs: null,
    transitMs: null,
    serverAgentMs: 0.1,
    appMs: 4,
    confidence: depth === 0 ? null : 0.934,
  })),
};

test("a trace is a tree beside its timeline", () => {
  const lines = drawTrace(TRACE, PLAIN).split("\n");
  expect(lines[2]).toStartWith("a GET /");
  expect(lines[2]).not.toContain("by timing");
  expect(lines[3]).toStartWith("  b GET / (by timing, 93 %)");
  expect(lines[3]).toEndWith(`${" ".repeat(15)}${"▇".repeat(15)}`);
});

test("cells line up and numbers stay short", () => {
  expect(
    columns(
      [{ title: "A" }, { title: "B", align: "right" }],
      [
        ["x", "1"],
        ["long", "22"],
      ],
    ),
  ).toEqual(["A      B", "x      1", "long  22"]);
  expect([ms(1.234), ms(123.4), ms(12_345), ms(null)]).toEqual(["1.2 ms", "123 ms", "12.3 s", "–"]);
  expect([percent(0), percent(1), percent(0.9951), percent(0.25)]).toEqual(["0 %", "100 %", "99.5 %", "25 %"]);
});

test("a short name is found in its only namespace, or the choice is shown", () => {
  expect(fullName("b", ["shop/a", "shop/b"])).toEqual(success("shop/b"));
  expect(fullName("x", ["shop/a"])).toMatchObject({ ok: false, problems: [{ next: "Name one of: shop/a." }] });
});

function server(answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const running = Bun.serve({
    port: 0,
    fetch(request) {
      const url = new URL(request.url);
      asked.push(url.pathname + url.search);
      if (request.headers.get("authorization") !== "Bearer secret") return new Response("no", { status: 401 });
      const answer = answers[url.pathname];
      if (typeof answer === "string") return new Response(answer);
      return answer === undefined
        ? Response.json({ message: "no such thing" }, { status: 404 })
        : Response.json(answer);
    },
  });
  servers.push(running);
  return { asked, url: running.url.origin };
}

function context(url: string, format: OutputFormat = "table") {
  const printed: string[] = [];
  const failed: Failure[] = [];
  const context: CommandContext = {
    shared: () => ({}),
    access: async () => success({ url, token: "secret" }),
    format: () => format,
    print: (text) => printed.push(text),
    show: (answer, draw) => printed.push(render(answer, draw, format)),
    fail: (failure) => failed.push(failure),
  };
  return { context, printed, failed };
}

test("why asks for the full name and prints the report as JSON for machines", async () => {
  const node = { id: "shop/storefront", namespace: "shop", name: "storefront", role: "service", replicas: [] };
  const graph = { generatedAtMs: 0, windowMs: 1, nodes: [node], edges: [] };
  const { asked, url } = server({ "/api/v1/graph": graph, "/api/v1/why": REPORT });
  const seen = context(url, "json");
  const command = new Command();
  registerWhy(command, seen.context);
  await command.parseAsync(["storefront", "--window", "20s"], { from: "user" });
  expect(asked).toEqual(["/api/v1/graph?window=5m", "/api/v1/why?service=shop%2Fstorefront&window=20s"]);
  expect(JSON.parse(seen.printed.join(""))).toEqual(REPORT);
});

test("what the server refuses is one problem", async () => {
  const seen = context(server({}).url);
  const command = new Command();
  registerTrace(command, seen.context);
  await command.parseAsync(["abc"], { from: "user" });
  expect(seen.failed[0]?.problems[0].message).toContain("404: no such thing");
});

test("tap prints flows as they come and ends with the stream", async () => {
  const { url } = server({ "/api/v1/flows/live": `${JSON.stringify(FLOW)}\n\n${JSON.stringify(FLOW)}\n` });
  const seen = context(url);
  const command = new Command();
  registerTap(command, seen.context);
  await command.parseAsync(["--verdict", "deny"], { from: "user" });
  expect(seen.printed).toHaveLength(2);
  expect(seen.failed).toEqual([]);
});

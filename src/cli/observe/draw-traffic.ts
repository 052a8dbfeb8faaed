import type { FlowView, GraphView, PlaintextView, TracesView, TraceView } from "#api";
import type { Palette } from "#engine/terminal";
import { clockTime, columns, ms, percent, withoutNamespace } from "./columns.ts";

const RIGHT = { align: "right" } as const;

/** The edges of the map, one a line. */
export function drawGraph(graph: GraphView, colours: Palette): string {
  if (graph.edges.length === 0) return "No traffic in the window.\n";
  const short = withoutNamespace(graph.edges.flatMap((edge) => [edge.source, edge.destination]));
  const heads = [
    { title: "SOURCE" },
    { title: "DESTINATION" },
    { title: "MTLS" },
    { title: "RPS", ...RIGHT },
    { title: "SUCCESS", ...RIGHT },
    { title: "P50", ...RIGHT },
    { title: "P99", ...RIGHT },
    { title: "P99 SERVER", ...RIGHT },
    { title: "DENIED", ...RIGHT },
    { title: "POLICY" },
  ];
  const rows = graph.edges.map((edge) => [
    short(edge.source),
    short(edge.destination),
    edge.mtls ? "✓" : "no",
    edge.requestsPerSecond.toFixed(1),
    edge.successRate === null ? "–" : percent(edge.successRate),
    ms((edge.fromSource ?? edge.fromDestination)?.p50Ms),
    ms((edge.fromSource ?? edge.fromDestination)?.p99Ms),
    ms(edge.fromDestination?.p99Ms),
    edge.denied === 0 ? "" : String(edge.denied),
    edge.denyPolicies.join(", "),
  ]);
  const [head = "", ...lines] = columns(heads, rows);
  const drawn = lines.map((line, index) => {
    const edge = graph.edges[index];
    if ((edge?.denied ?? 0) > 0) return colours.yellow(line);
    return (edge?.successRate ?? 1) < 0.99 ? colours.red(line) : line;
  });
  return `${[colours.dim(head), ...drawn].join("\n")}\n`;
}

/** Who calls without TLS, one caller and destination a line. */
export function drawPlaintext({ callers, windowMs }: PlaintextView, colours: Palette): string {
  if (callers.length === 0) return `Nobody called without TLS within ${windowMs / 1000} s.\n`;
  const heads = [
    { title: "CALLER" },
    { title: "DESTINATION" },
    { title: "REQUESTS", ...RIGHT },
    { title: "LAST SEEN" },
  ];
  const rows = callers.map(({ address, destination, requests, lastSeenMs }) => [
    address === "" ? "others" : address,
    destination,
    String(requests),
    new Date(lastSeenMs).toISOString().replace(/\.\d+/, ""),
  ]);
  const [head = "", ...lines] = columns(heads, rows);
  return `${[colours.dim(head), ...lines].join("\n")}\n`;
}

function wordOf({ verdict, policy, endReason, observedVerdict, observedPolicy }: FlowView): string {
  if (verdict === "deny") return `denied by ${policy || "default deny"}`;
  if (observedVerdict === "deny") return `${endReason}, would be denied by ${observedPolicy}`;
  return endReason === "rate-limited" && policy !== "" ? `limited by ${policy}` : endReason;
}

/** One flow on one line. */
export function drawFlow(flow: FlowView, colours: Palette): string {
  const isBad = flow.verdict === "deny" || flow.status >= 500 || flow.status === 0;
  const outcome = `${flow.status || "–"} ${wordOf(flow)}`;
  // One that showed no identity is known by its address.
  const from = flow.source === "external" && flow.sourceInstance !== "" ? ` (${flow.sourceInstance})` : "";
  const way = `${flow.source}${from} → ${flow.destination}${flow.destinationInstance === "" ? "" : ` (${flow.destinationInstance})`}`;
  const parts = [
    colours.dim(clockTime(flow.atMs)),
    flow.mtls ? colours.green("mtls") : colours.yellow("open"),
    way,
    `${flow.method} ${flow.path}`,
    isBad ? colours.red(outcome) : outcome,
    ms(flow.durationMs),
    colours.dim(`seen by ${flow.reporter}`),
    // For `heddle policy explain`.
    ...(flow.verdict === "deny" ? [colours.dim(`flow ${flow.id}`)] : []),
  ];
  return `${parts.join("  ")}\n`;
}

export function drawTraces({ traces }: TracesView, colours: Palette): string {
  if (traces.length === 0) return "No traces in the window.\n";
  const heads = [{ title: "AT" }, { title: "TRACE" }, { title: "ENTRY" }, { title: "TIME", ...RIGHT }, { title: "" }];
  const rows = traces.map((each) => [
    clockTime(each.atMs),
    each.traceId,
    each.entry,
    ms(each.durationMs),
    each.failed ? "failed" : "",
  ]);
  const [head = "", ...lines] = columns(heads, rows);
  return `${[colours.dim(head), ...lines.map((line, index) => (traces[index]?.failed ? colours.red(line) : line))].join("\n")}\n`;
}

const TIMELINE = 30;

/** A trace as a tree with its timeline, each call's time split into what the agents, the way and the program took. */
export function drawTrace(trace: TraceView, colours: Palette): string {
  const short = withoutNamespace(trace.calls.flatMap((call) => [call.source, call.destination]));
  const heads = [
    { title: "CALL" },
    { title: "" },
    { title: "TIME", ...RIGHT },
    { title: "AGENT OUT", ...RIGHT },
    { title: "TRANSIT", ...RIGHT },
    { title: "AGENT IN", ...RIGHT },
    { title: "APP", ...RIGHT },
    { title: "TIMELINE" },
  ];
  const rows = trace.calls.map((call) => [
    `${"  ".repeat(Math.min(call.depth, 20))}${short(call.destination)} ${call.method} ${call.path}${likelihood(call.confidence)}`,
    call.endReason === "completed" ? String(call.status) : call.endReason,
    ms(call.durationMs),
    ms(call.clientAgentMs),
    ms(call.transitMs),
    ms(call.serverAgentMs),
    ms(call.appMs),
    bar(call.startMs, call.durationMs, trace.durationMs),
  ]);
  const [head = "", ...lines] = columns(heads, rows);
  const title = `trace ${colours.bold(trace.traceId)}  ${ms(trace.durationMs)}  ${trace.failed ? colours.red("failed") : colours.green("ok")}`;
  const drawn = lines.map((line, index) => ((trace.calls[index]?.status ?? 0) >= 500 ? colours.red(line) : line));
  return `${[title, colours.dim(head), ...drawn].join("\n")}\n`;
}

/** What identifiers say is certain, and said by nothing. */
function likelihood(confidence: number | null): string {
  return confidence === null ? "" : ` (by timing, ${Math.floor(confidence * 100)} %)`;
}

function bar(startMs: number, durationMs: number, totalMs: number): string {
  const scale = TIMELINE / Math.max(totalMs, 0.001);
  const before = Math.min(TIMELINE - 1, Math.max(0, Math.round(startMs * scale)));
  return " ".repeat(before) + "▇".repeat(Math.max(1, Math.min(TIMELINE - before, Math.round(durationMs * scale))));
}

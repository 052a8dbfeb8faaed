/** Makes what agents would report of a made-up mesh, with a known fault in it. */
import type { Random } from "#engine/random";
import type { EdgeKey, EdgeTotals, EndReason, ObservedRequest, Party, ReporterSide } from "#telemetry";

export interface FakeService {
  readonly replicas?: number;
  /** The version of each replica, in order. */
  readonly versions?: readonly string[];
  readonly ownMs: number;
  readonly role?: "load-balancer" | "gateway";
  /** Groups run one after the other; calls of a group run at once. A call is made with its probability. */
  readonly calls?: readonly (readonly { readonly to: string; readonly chance?: number }[])[];
}

export type FakeMesh = Readonly<Record<string, FakeService>>;

export type FakeFault =
  | { readonly kind: "slow-service"; readonly hop: string; readonly ms: number }
  | { readonly kind: "slow-replica"; readonly hop: string; readonly ms: number }
  | { readonly kind: "failing-service"; readonly hop: string; readonly rate: number }
  | { readonly kind: "failing-replica"; readonly hop: string; readonly rate: number }
  | { readonly kind: "network-delay"; readonly hop: string; readonly ms: number }
  | { readonly kind: "lost-on-the-way"; readonly hop: string; readonly rate: number }
  | { readonly kind: "denied"; readonly hop: string }
  | { readonly kind: "slow-version"; readonly hop: string; readonly version: string; readonly ms: number }
  | { readonly kind: "failing-version"; readonly hop: string; readonly version: string; readonly rate: number }
  /** Nine of ten requests go to the first replica, where they queue. */
  | { readonly kind: "skewed"; readonly hop: string; readonly ms: number }
  /** A caller makes each call several times, so that the callee's requests queue. */
  | { readonly kind: "repeated-calls"; readonly hop: string; readonly times: number; readonly ms: number }
  /** As many requests as otherwise in so many times the time, so that they queue at the hop. */
  | { readonly kind: "crowd"; readonly hop: string; readonly times: number; readonly ms: number }
  /** Callers outside leave at once. */
  | { readonly kind: "leaving"; readonly hop: string; readonly rate: number }
  /** Every replica is there and answers no probe, or somebody took the endpoints away. */
  | { readonly kind: "no-endpoint"; readonly hop: string };

export interface FakeTraffic {
  readonly entry: string;
  readonly mesh: FakeMesh;
  readonly random: Random;
  readonly requests: number;
  readonly fault?: FakeFault;
  /** Spread of every duration: the standard deviation of its logarithm. Default 0.4. */
  readonly noise?: number;
  /** Everything takes this many times as long, as on a busy host. Default 1. */
  readonly inflation?: number;
  /** Part of the traces that is sampled; failed requests are kept regardless. Default 1. */
  readonly sampling?: number;
  /** Part of samples that get lost. Default 0. */
  readonly loss?: number;
  /** Whether programs forward trace context. Default true. */
  readonly isForwarding?: boolean;
}

export function observe(traffic: FakeTraffic): { samples: ObservedRequest[]; totals: EdgeTotals[] } {
  const run = new Run(traffic);
  const times = traffic.fault?.kind === "crowd" ? traffic.fault.times : 1;
  for (let index = 0; index < traffic.requests * times; index++) run.request(1_000_000_000_000_000 + index * 50_000);
  return { samples: run.samples, totals: [...run.totals.values()] };
}

interface Outcome {
  readonly endUs: number;
  readonly status: number;
}

interface Caller {
  readonly node: string;
  readonly instance: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

class Run {
  readonly samples: ObservedRequest[] = [];
  readonly totals = new Map<string, EdgeTotals>();
  readonly #traffic: FakeTraffic;
  readonly #random: Random;
  #spans = 0;
  #isRepeating = false;

  constructor(traffic: FakeTraffic) {
    this.#traffic = traffic;
    this.#random = traffic.random;
  }

  request(atUs: number): void {
    const { entry, sampling = 1, mesh } = this.#traffic;
    const traceId = this.#id(32);
    const isSampled = this.#random.next() < sampling;
    const isGateway = mesh[entry]?.role === "gateway";
    const caller = { node: entry, instance: `${entry}-1`, traceId, spanId: "", isSampled };
    if (isGateway) for (const group of mesh[entry]?.calls ?? []) this.#group(group, caller, atUs);
    else this.#call({ ...caller, node: "", instance: "" }, entry, atUs);
  }

  #group(group: readonly { to: string; chance?: number }[], caller: Caller, atUs: number): Outcome {
    let [endUs, status] = [atUs, 200];
    for (const { to, chance = 1 } of group) {
      if (this.#random.next() >= chance) continue;
      const outcome = this.#call(caller, to, atUs);
      endUs = Math.max(endUs, outcome.endUs);
      status = Math.max(status, outcome.status);
    }
    return { endUs, status };
  }

  #call(caller: Caller, to: string, atUs: number): Outcome {
    const { fault } = this.#traffic;
    const spec = this.#traffic.mesh[to]!;
    const instance = this.#replicaOf(to, spec);
    const way = `${caller.node} → ${to}`;
    const isForwarded = this.#traffic.isForwarding ?? true;
    const traceId = isForwarded || caller.spanId === "" ? caller.traceId : this.#id(32);
    const clientSpan = this.#id(16);
    const sentUs = atUs + this.#us(0.15);
    const base = { caller: { ...caller, traceId }, to, instance, spanId: clientSpan, startUs: atUs, sentUs };
    if (fault?.kind === "no-endpoint" && fault.hop === to && caller.node !== "") {
      const refused = { ...base, instance: "", sentUs: 0, endUs: sentUs, status: 503 };
      this.#emit("source", { ...refused, endReason: "no-healthy-upstream" });
      return { endUs: sentUs, status: 503 };
    }
    if (fault?.kind === "lost-on-the-way" && fault.hop === way && this.#random.next() < fault.rate) {
      const endUs = sentUs + this.#us(1);
      this.#emit("source", { ...base, endUs, status: 503, endReason: "upstream-connection-terminated" });
      return { endUs, status: 503 };
    }
    const delayUs = fault?.kind === "network-delay" && fault.hop === way ? fault.ms * 1000 : 0;
    const arrivedUs = sentUs + this.#us(0.1) + delayUs / 2;
    const served = this.#serve({ ...base, startUs: arrivedUs });
    const endUs = served.endUs + this.#us(0.1) + delayUs / 2;
    const clientBase = { ...base, endUs, status: served.status };
    this.#answered({ ...clientBase, endReason: "completed" }, way);
    return { endUs, status: served.status };
  }

  /** What the caller's agent says of a call that came to an end, and what the caller does next. */
  #answered(call: Emitted, way: string): void {
    const { fault } = this.#traffic;
    const { caller, to, startUs, sentUs } = call;
    const isLeft = fault?.kind === "leaving" && fault.hop === to && this.#random.next() < fault.rate;
    if (isLeft) this.#emit("source", { ...call, endUs: sentUs + 500, status: 0, endReason: "downstream-closed" });
    else if (caller.node !== "") this.#emit("source", call);
    if (fault?.kind === "repeated-calls" && fault.hop === way && !this.#isRepeating)
      this.#repeat(caller, to, { atUs: startUs, times: fault.times });
  }

  #repeat(caller: Caller, to: string, { atUs, times }: { readonly atUs: number; readonly times: number }): void {
    this.#isRepeating = true;
    for (let again = 1; again < times; again++) this.#call(caller, to, atUs);
    this.#isRepeating = false;
  }

  #replicaOf(to: string, { replicas = 1 }: FakeService): string {
    const { fault } = this.#traffic;
    if (fault?.kind === "skewed" && fault.hop === to && this.#random.next() < 0.9) return `${to}-1`;
    return `${to}-${1 + Math.floor(this.#random.next() * replicas)}`;
  }

  #versionOf(to: string, instance: string): string {
    return this.#traffic.mesh[to]?.versions?.[Number(instance.slice(to.length + 1)) - 1] ?? "";
  }

  #serve(call: Omit<Emitted, "endUs" | "status" | "endReason">): Outcome {
    const { fault, mesh } = this.#traffic;
    const { to, instance, caller, startUs } = call;
    const spanId = this.#id(16);
    const parentSpanId = caller.node === "" ? "" : call.spanId;
    const record = { ...call, spanId, parentSpanId };
    if (fault?.kind === "denied" && fault.hop === to) {
      const endUs = startUs + this.#us(0.1);
      this.#emit("destination", { ...record, sentUs: 0, endUs, status: 403, endReason: "policy-denied" });
      return { endUs, status: 403 };
    }
    const sentUs = startUs + this.#us(0.1);
    const ownUs = this.#us(mesh[to]!.ownMs) + this.#slownessUs(to, instance);
    let [cursorUs, status] = [sentUs + ownUs / 2, 200];
    if (this.#isFailing(to, instance)) status = 500;
    else {
      const me = { ...caller, node: to, instance, spanId };
      for (const group of mesh[to]!.calls ?? []) {
        const outcome = this.#group(group, me, cursorUs);
        cursorUs = outcome.endUs;
        if (outcome.status >= 400) status = 502;
      }
    }
    const endUs = cursorUs + ownUs / 2;
    this.#emit("destination", { ...record, sentUs, endUs, status, endReason: "completed" });
    return { endUs, status };
  }

  #slownessUs(to: string, instance: string): number {
    const { fault } = this.#traffic;
    if (fault === undefined || !("ms" in fault)) return 0;
    return this.#isSlow(fault, to, instance) ? this.#us(fault.ms) : 0;
  }

  #isSlow(fault: Extract<FakeFault, { ms: number }>, to: string, instance: string): boolean {
    switch (fault.kind) {
      case "slow-service":
      case "crowd":
        return fault.hop === to;
      case "repeated-calls":
        return fault.hop.endsWith(` → ${to}`);
      case "slow-replica":
        return fault.hop === instance;
      case "slow-version":
        return fault.hop === to && this.#versionOf(to, instance) === fault.version;
      case "skewed":
        return instance === `${fault.hop}-1`;
      case "network-delay":
        return false;
    }
  }

  #isFailing(to: string, instance: string): boolean {
    const { fault } = this.#traffic;
    if (fault?.kind === "failing-service") return fault.hop === to && this.#random.next() < fault.rate;
    if (fault?.kind === "failing-version")
      return fault.hop === to && this.#versionOf(to, instance) === fault.version && this.#random.next() < fault.rate;
    return fault?.kind === "failing-replica" && fault.hop === instance && this.#random.next() < fault.rate;
  }

  #emit(reporter: ReporterSide, call: Emitted & { parentSpanId?: string }): void {
    const { caller, startUs, sentUs, endUs, status, endReason } = call;
    const edge: EdgeKey = {
      reporter,
      source: partyOf(caller.node, caller.instance),
      destination: { ...partyOf(call.to, call.instance), version: this.#versionOf(call.to, call.instance) },
      protocol: "http",
      mtls: true,
    };
    const key = [reporter, caller.instance, call.instance, status, endReason].join();
    const stages = [0, sentUs > 0 ? sentUs - startUs : endUs - startUs, 0, sentUs > 0 ? endUs - sentUs : 0] as const;
    const known = this.totals.get(key);
    const stagesUs = stages.map((us, index) => us + (known?.stagesUs[index] ?? 0)) as unknown as typeof stages;
    const count = (known?.count ?? 0) + 1;
    this.totals.set(key, { edge, status, endReason, policy: "", count, stagesUs, buckets: [] });
    const kept = classOf(status, endReason);
    if (kept === "sampled" && !caller.isSampled) return;
    if (this.#random.next() < (this.#traffic.loss ?? 0)) return;
    this.samples.push({
      edge,
      kept,
      traceId: caller.traceId,
      spanId: call.spanId,
      parentSpanId: reporter === "destination" ? (call.parentSpanId ?? "") : caller.spanId,
      receivedUs: startUs,
      chosenUs: startUs,
      sentUs,
      firstByteUs: endUs,
      doneUs: endUs,
      status,
      endReason,
      requestBytes: 0,
      responseBytes: 0,
      method: "GET",
      path: "/",
      authority: call.to,
      verdict: endReason === "policy-denied" ? "deny" : "allow",
      policy: endReason === "policy-denied" ? "AuthorizationPolicy/shop/fake" : "",
      rule: -1,
      observedVerdict: "none",
      observedPolicy: "",
      audits: [],
    });
  }

  /** A duration around a mean of ms. */
  #us(ms: number): number {
    const { noise = 0.4, inflation = 1 } = this.#traffic;
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random.next())) * Math.cos(2 * Math.PI * this.#random.next());
    return ms * inflation * 1000 * Math.exp(noise * normal - (noise * noise) / 2);
  }

  #id(digits: number): string {
    this.#spans++;
    return this.#spans.toString(16).padStart(digits, "0");
  }
}

interface Emitted {
  readonly caller: Caller;
  readonly to: string;
  readonly instance: string;
  readonly spanId: string;
  readonly startUs: number;
  readonly sentUs: number;
  readonly endUs: number;
  readonly status: number;
  readonly endReason: EndReason;
}

function classOf(status: number, endReason: EndReason): "denied" | "failed" | "sampled" {
  if (endReason === "policy-denied") return "denied";
  return status >= 500 || endReason !== "completed" ? "failed" : "sampled";
}

function partyOf(node: string, instance: string): Party {
  const namespace = node === "" ? "" : "shop";
  return { namespace, workload: node, instance, principal: "", service: node, version: "" };
}

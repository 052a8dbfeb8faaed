/** What is to be done with one request: where it goes, what of it is sent, how long it may take, and what is done to its answer. */
import type { RouteRetry } from "#model";
import type { Candidate } from "#routing";
import type { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { formatTraceparent } from "#wire/trace-context";
import type { ProxyContext } from "../context.ts";
import type { Downstream } from "../downstream/downstream.ts";
import { type AskedRequest, isTunnelRequest, requestToMesh } from "../fields.ts";
import { patienceMs } from "../patience.ts";
import { type Affinity, affinityOf } from "./affinity.ts";
import { routedAnswer, routedRequest } from "./routed-message.ts";
import type { Routed } from "./router.ts";
import type { OutboundService, Target } from "./service.ts";

type Forward = Extract<Routed, { kind: "forward" }>;

/** Whose request it is. */
export interface Asking {
  readonly request: AskedRequest;
  readonly record: RequestRecord;
  readonly downstream: Pick<Downstream, "edge" | "isHttp2">;
}

export class Plan {
  readonly service: OutboundService;
  /** The head as it is sent. */
  readonly fields: FieldList;
  /** From now, all attempts together. */
  readonly patienceMs: number;
  readonly #routed: Forward;
  readonly #affinity: Affinity | undefined;

  constructor(context: ProxyContext, routed: Forward, { request: asked, record, downstream }: Asking) {
    const { entry, service, backend } = routed;
    this.#routed = routed;
    this.service = service;
    const isOutside = downstream.edge !== undefined;
    this.patienceMs = patienceMs(context, asked.fields, { routeMs: entry?.rule.requestTimeoutMs, isOutside });
    const request = entry === undefined ? asked : routedRequest(asked, entry, backend);
    this.fields = requestToMesh(isTunnelRequest(request) ? { ...request, authority: service.authority } : request, {
      traceparent: formatTraceparent(record.traceId, record.spanId, record.sampled),
      requestId: fieldValue(request.fields, "x-request-id"),
      edge: downstream.edge,
      isHttp2: downstream.isHttp2,
    });
    const { hashKey } = service;
    const caller = { callerAddress: downstream.edge?.address ?? "127.0.0.1", newCookie: () => record.spanId };
    this.#affinity = hashKey === undefined ? undefined : affinityOf(hashKey, request, caller);
  }

  /** What the route says of further attempts. */
  get retry(): RouteRetry | undefined {
    return this.#routed.entry?.rule.retry;
  }

  /** How long one attempt may take; 0: as long as all together. */
  get attemptTimeoutMs(): number {
    return this.#routed.entry?.rule.attemptTimeoutMs ?? 0;
  }

  get rule() {
    return this.#routed.entry?.rule;
  }

  /** The endpoint for an attempt, not the one that failed before if there is another. */
  select(nowMs: number, avoid: Candidate<Target> | undefined): Candidate<Target> | undefined {
    const hash = this.#affinity?.hash;
    return this.service.select(nowMs, hash === undefined ? avoid : { hash, avoid });
  }

  /** The answer's head as the caller gets it. */
  answer(fields: FieldList): FieldList {
    const setCookie = this.#affinity?.setCookie;
    const changed = this.#routed.entry === undefined ? fields : routedAnswer(fields, this.#routed);
    return setCookie === undefined ? changed : [...changed, "set-cookie", setCookie];
  }
}

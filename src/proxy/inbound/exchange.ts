/** One request to the app: decided before the app sees a byte of it, then carried to the app and back. */
import type { TokenAuthenticator } from "#authentication";
import {
  type Claims,
  type Decision,
  type ExternalCheck,
  type RequestAttributes,
  requestIssuer,
  unaskedLabel,
} from "#policy";
import type { EndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import { formatTraceparent } from "#wire/trace-context";
import type { Authorization } from "../authorizer.ts";
import type { Expirable } from "../deadlines.ts";
import { passedTrailers } from "../fields.ts";
import { isGrpc, recordStatus } from "../grpc.ts";
import { HeldBytes } from "../held-bytes.ts";
import { isIdempotent } from "../idempotent.ts";
import type { LinkStream } from "../link.ts";
import { type LocalDetail, localReply } from "../local-reply.ts";
import { patienceMs } from "../patience.ts";
import type { AppAnswer, AppLane, AppLanes, AppUser, LaneWaiter } from "./app/lane.ts";
import { AskedNameReader } from "./asked-name.ts";
import type { CallerStream } from "./caller-stream.ts";
import {
  allowedFields,
  checkedRequest,
  denialOf,
  foreignFields,
  isBodyReady,
  isBodyTooLong,
  type OpenCheck,
} from "./external-check.ts";
import type { InboundPeer } from "./peer.ts";
import { tokenChallenge, withPath } from "./token-fields.ts";

export class InboundExchange implements LinkStream, LaneWaiter, AppUser, Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #peer: InboundPeer;
  readonly #output: CallerStream;
  readonly #record = new RequestRecord();
  #fields: FieldList = [];
  #upgrade = "";
  #lanes: AppLanes | undefined;
  #lane: AppLane | undefined;
  /** Request body that waits for the app's connection, or for the app to switch; its credit is given when it leaves. */
  #heldForApp: HeldBytes | undefined;
  #requestTrailers: FieldList = [];
  /** Of the token that this request carries and that was verified. */
  #claims: Claims | undefined;
  /** Of bytes, while a policy waits for what it reads there, and what it has read. */
  #askedName: AskedNameReader | undefined;
  #serverName: string | undefined;
  /** Under way with an external authorizer. */
  #check: OpenCheck | undefined;
  /** What an external authorizer adds to the app's answer. */
  #addedToAnswer: FieldList | undefined;
  #hasBody = false;
  #isRequestEnded = false;
  #uncredited = 0;
  #isAnswerEnded = false;
  #hasAnswer = false;
  #isTunnel = false;
  /** The app has ended its half of a tunnel, and then has left. */
  #hasAppLeft = false;
  #isRetried = false;
  /** Heads that came before that of the answer. */
  #interims = 0;
  #patienceMs = 0;
  /** What happens now happens at the instant at which the request came. */
  #isAsking = false;
  /** When it began, was answered, or a part of a body last passed; by the clock of the deadlines. */
  #movedMs = 0;
  #isOver = false;

  /** What `output` still holds keeps the app waiting until `onDrained`. */
  constructor(peer: InboundPeer, output: CallerStream) {
    this.#peer = peer;
    this.#output = output;
  }

  // From the peer's agent.

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "request") return this.#begin(fields, endStream);
    this.#requestTrailers = passedTrailers(fields);
    this.#endRequest();
  }

  onData(data: Uint8Array, endStream: boolean): void {
    this.#record.requestBytes += data.length;
    this.#movedMs = this.#peer.context.deadlines.in(0);
    const isUnwanted = this.#hasAppLeft || (this.#isAnswerEnded && !this.#isTunnel);
    if (this.#isOver || isUnwanted) this.#consumed(data.length);
    else if (this.#lane === undefined || this.#awaitsSwitch) {
      this.#heldForApp ??= new HeldBytes();
      this.#heldForApp.add(data);
      this.#uncredited += data.length;
      if (this.#check !== undefined) this.#continueCheck(this.#check, false);
    } else this.#sendToApp(this.#lane, data);
    if (this.#askedName !== undefined) this.#readName(this.#askedName, data);
    if (endStream) this.#endRequest();
  }

  onReset(): void {
    if (this.#isOver) return;
    this.#record.endReason = "downstream-closed";
    this.#finish();
  }

  /** It was begun on a guess that was wrong: it ends, and nothing is recorded of it. */
  withdraw(): void {
    this.#isOver = true;
    this.#peer.context.deadlines.remove(this);
    this.#leaveApp();
  }

  onWritable(): void {
    this.#output.writable();
    if (this.#isAnswerEnded && this.#output.isEnded) this.#answered();
  }

  /** What the caller had not read has left. */
  onDrained(): void {
    this.#lane?.resume();
  }

  onDeadline(nowMs: number): void {
    if (this.#askedName !== undefined) return this.#named(undefined);
    this.deadlineMs = this.#dueMs();
    if (this.deadlineMs > nowMs) return;
    if (this.#hasAnswer) this.#cutOff("stream-idle-timeout");
    else this.#replyLocally("request-timeout");
  }

  // From the app.

  onLane(lane: AppLane): void {
    if (this.#isOver || this.#isAnswerEnded) return lane.abandon();
    const record = this.#record;
    const nowUs = this.#isAsking ? record.receivedUs : this.#peer.context.clock.nowUs();
    this.#lane = lane;
    if (record.chosenUs === 0) record.chosenUs = nowUs;
    record.sentUs = nowUs;
    lane.begin(this, {
      method: record.method,
      path: record.path,
      authority: record.authority,
      upgrade: this.#upgrade,
      fields: this.#fields,
      hasBody: this.#hasBody,
      traceparent: formatTraceparent(record.traceId, record.spanId, record.sampled),
      traceId: record.traceId,
      clientCertificate: this.#peer.clientCertificate,
      texts: this.#peer.texts,
    });
    if (this.#awaitsSwitch) return;
    this.#sendHeld(lane);
    if (this.#isRequestEnded && this.#hasBody) this.#lane?.endBody(this.#requestTrailers);
    if (lane.pending <= this.#peer.context.limits.outputBytesHigh) this.#credit();
  }

  onNoLane(reason: EndReason): void {
    if (!this.#isOver && !this.#isAnswerEnded) this.#replyLocally(reason);
  }

  onAppHead({ status, fields, kind, isWhole }: AppAnswer): void {
    if (kind === "interim") return this.#interim(fields);
    const { clock } = this.#peer.context;
    this.#hasAnswer = true;
    this.#isTunnel = kind === "switched";
    this.#record.firstByteUs = clock.nowUs();
    recordStatus(this.#record, fields, status);
    this.#movedMs = this.#peer.context.deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    const added = this.#addedToAnswer;
    this.#output.head(added === undefined ? fields : [...fields, ...added], isWhole);
    if (this.#isTunnel && this.#lane !== undefined) this.#switched(this.#lane);
    if (!isWhole) return;
    this.#lane = undefined;
    this.#answered();
  }

  /** Its caller's agent counts them for the whole connection: an app that sends no end of them must not end those of others. */
  #interim(fields: FieldList): void {
    if (this.#isAnswerEnded) return;
    if (this.#interims++ < this.#peer.context.limits.interimsMax) this.#output.interim(fields);
    else this.#replyLocally("upstream-protocol-error");
  }

  onAppBody(data: Uint8Array): boolean {
    this.#record.responseBytes += data.length;
    this.#movedMs = this.#peer.context.deadlines.in(0);
    return this.#output.write(data);
  }

  onAppEnd(trailers: FieldList): void {
    if (!this.#isTunnel) this.#lane = undefined;
    this.#isAnswerEnded = true;
    if (trailers.length > 0) recordStatus(this.#record, trailers, this.#record.status);
    this.#output.end(passedTrailers(trailers));
    if (this.#output.isEnded) this.#answered();
  }

  onAppFailed(reason: EndReason, isUntouched: boolean): void {
    this.#lane = undefined;
    if (this.#isOver) return;
    if (this.#isAnswerEnded) return this.#appLeft();
    const isRepeatable = isUntouched && !this.#hasBody && isIdempotent(this.#record.method);
    if (isRepeatable && !this.#isRetried) {
      this.#isRetried = true;
      this.#lanes?.request(this, true);
    } else if (this.#hasAnswer) this.#cutOff(reason);
    else this.#replyLocally(reason);
  }

  onAppDrained(): void {
    this.#credit();
  }

  /** All that it had to say has been said: what its caller still has is not wanted, which is no failure of the app's. */
  #appLeft(): void {
    this.#hasAppLeft = true;
    if (this.#output.isEnded) this.#answered();
  }

  #begin(fields: FieldList, endStream: boolean): void {
    const { app, context, edge } = this.#peer;
    const record = this.#record;
    record.receivedUs = context.clock.nowUs();
    record.edge = edge;
    record.port = app.options.port;
    this.#fields = fields;
    this.#upgrade = fieldValue(fields, ":protocol") ?? "";
    record.method = this.#upgrade === "" ? (fieldValue(fields, ":method") ?? "") : "GET";
    record.path = fieldValue(fields, ":path") ?? "";
    record.authority = fieldValue(fields, ":authority") ?? fieldValue(fields, "host") ?? "";
    this.#hasBody = !endStream && this.#upgrade === "";
    this.#isRequestEnded = endStream;
    context.traceIds.begin(record, fields, 0);
    this.#patienceMs = patienceMs(context, fields);
    this.#movedMs = context.deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    context.deadlines.add(this);
    if (context.overload.sheds(context.random)) return this.#replyLocally("overload", "");
    this.#decide(record.method === "CONNECT");
  }

  /** A stream of bytes without HTTP is decided by what is known without it, and goes to the app as it is. */
  #decide(isBytes: boolean): void {
    const { context } = this.#peer;
    if (isBytes) this.#record.edge = this.#peer.tcpEdge();
    const { tokens, inbound } = context.tables;
    if (isBytes && inbound.needsServerName) {
      this.#askedName = new AskedNameReader();
      // Set once, so that whoever sends slowly does not put it off.
      this.deadlineMs = context.deadlines.in(context.limits.headTimeoutMs);
      return;
    }
    if (tokens !== undefined && !isBytes && !this.#isAuthentic(tokens)) return;
    this.#judge(isBytes, undefined);
  }

  #readName(reader: AskedNameReader, bytes: Uint8Array): void {
    const asked = reader.read(bytes);
    if (asked.state === "known") this.#named(asked.name);
  }

  /** Undefined where it cannot be known: then what looks at it restricts. */
  #named(serverName: string | undefined): void {
    this.#askedName = undefined;
    this.#serverName = serverName;
    this.deadlineMs = this.#dueMs();
    this.#judge(true, undefined);
  }

  /** `cleared`: the external authorizer that has let it pass. */
  #judge(isBytes: boolean, cleared: string | undefined): void {
    const { app, context, decisions } = this.#peer;
    const attributes = this.#attributes(isBytes);
    const decision = decisions.decide(context.tables.inbound, attributes);
    this.#note(decision);
    const { external } = decision;
    if (external !== undefined && external.provider !== cleared) return this.#askExternally(external, isBytes);
    if (decision.verdict === "deny") {
      return this.#replyLocally("policy-denied", context.tables.settings.explainDenials ? decision.label : "");
    }
    if (this.#peer.limits.isInForce && this.#isOverLimit(attributes)) return;
    this.#lanes = isBytes ? app.tunnels : app.lanesFor(this.#fields);
    this.#isAsking = cleared === undefined && !context.tables.inbound.needsServerName;
    this.#lanes.request(this, false);
    this.#isAsking = false;
  }

  #note(decision: Decision): void {
    const record = this.#record;
    record.verdict = decision.verdict;
    record.policy = decision.label;
    record.rule = decision.rule;
    if (decision.observed !== undefined) {
      record.observedVerdict = decision.observed.verdict;
      record.observedPolicy = decision.observed.label;
    }
    record.audits = decision.audits;
  }

  /** Takes in who the request's token says it is from. When that is not so, it has been answered. */
  #isAuthentic(tokens: TokenAuthenticator): boolean {
    const record = this.#record;
    const { clock, tables } = this.#peer.context;
    const found = tokens.authenticate({ fields: this.#fields, path: record.path }, clock.nowMs());
    if (found.kind === "refused") {
      record.token = "refused";
      const fields = tokenChallenge(tables.settings.explainDenials ? found.why : "");
      this.#deny("token-invalid", found.label, { fields });
      return false;
    }
    this.#claims = found.claims;
    record.token = found.claims === undefined ? "none" : "verified";
    record.issuer = requestIssuer(found.claims);
    this.#fields = found.path === record.path ? found.fields : withPath(found.fields, found.path);
    record.path = found.path;
    return true;
  }

  /** What cannot be asked denies. */
  #askExternally(check: ExternalCheck, isBytes: boolean): void {
    const { authorizers } = this.#peer.context.tables;
    const authorizer = check.rivals.length > 0 ? undefined : authorizers?.get(check.provider);
    this.#record.rule = check.rule;
    if (authorizer === undefined) return this.#deny("policy-denied", unaskedLabel(check));
    const open = { check, authorizer, isBytes, abort: new AbortController(), isAsked: false };
    this.#check = open;
    this.#continueCheck(open, this.#isRequestEnded);
  }

  /** Asks once there is as much of the body as the authorizer is to see. */
  #continueCheck(open: OpenCheck, isEnded: boolean): void {
    if (open.isAsked) return;
    const held = this.#hasBody ? this.#heldForApp : undefined;
    const { label, provider } = open.check;
    if (isBodyTooLong(open, held)) {
      const policy = `${label}: the body is longer than the external authorizer ${provider} is shown`;
      return this.#deny("external-denied", policy, { status: 413 });
    }
    // What is held is bounded by what is shown: until it is there, more of it may come.
    if (!isBodyReady(open, held, isEnded || !this.#hasBody)) return this.#credit();
    open.isAsked = true;
    const request = checkedRequest(open, this.#peer, { record: this.#record, fields: this.#fields, held });
    const question = { request, signal: open.abort.signal };
    this.#peer.checks.ask(open.authorizer, question, (answer) => this.#onAuthorization(open, answer));
  }

  #onAuthorization({ check, authorizer, isBytes }: OpenCheck, answer: Authorization): void {
    if (this.#isOver) return;
    this.#check = undefined;
    const { label, provider } = check;
    if (answer.kind === "denied")
      return this.#deny("external-denied", `${label}: denied by ${provider}`, denialOf(answer));
    if (answer.kind === "allowed") {
      this.#fields = allowedFields(this.#fields, answer);
      if (answer.answer.length > 0) this.#addedToAnswer = foreignFields(answer.answer);
      return this.#judge(isBytes, provider);
    }
    const policy = `${label}: the external authorizer ${provider} could not be asked`;
    if (!authorizer.isFailOpen) return this.#deny("external-unavailable", policy, { status: authorizer.statusOnError });
    this.#judge(isBytes, provider);
    this.#record.audits = [...this.#record.audits, policy];
  }

  /**
   * Other policies are in force: what they deny ends, however far it is, streams and tunnels too. An external authorizer is not asked about
   * what has begun.
   */
  review(): void {
    const { context, decisions } = this.#peer;
    if (this.#isOver || this.#lanes === undefined || (this.#isAnswerEnded && !this.#isTunnel)) return;
    const decision = decisions.decide(context.tables.inbound, this.#attributes(this.#record.method === "CONNECT"));
    if (decision.verdict !== "deny") return;
    this.#note(decision);
    if (this.#hasAnswer) this.#cutOff("policy-denied");
    else this.#replyLocally("policy-denied", context.tables.settings.explainDenials ? decision.label : "");
  }

  #deny(reason: EndReason, policy: string, detail: LocalDetail = {}): void {
    this.#record.verdict = "deny";
    this.#record.policy = policy;
    this.#replyLocally(reason, this.#peer.context.tables.settings.explainDenials ? policy : "", detail);
  }

  /** Whether there is no room for it; then it has been answered. */
  #isOverLimit(attributes: RequestAttributes): boolean {
    const { context, limits } = this.#peer;
    const exceeded = limits.take(attributes, this.#fields, this.#record.receivedUs / 1000);
    if (exceeded === undefined) return false;
    const { label, index } = exceeded.limit;
    this.#record.policy = label;
    this.#record.rule = index;
    this.#replyLocally("rate-limited", context.tables.settings.explainDenials ? label : "", {
      fields: exceeded.fields,
    });
    return true;
  }

  #attributes(isBytes: boolean): RequestAttributes {
    const { attributes } = this.#peer;
    const { path, method, authority } = this.#record;
    const query = path.indexOf("?");
    attributes.protocol = isBytes ? "tcp" : "http";
    attributes.method = method;
    attributes.path = query < 0 ? path : path.slice(0, query);
    attributes.host = authority;
    attributes.headers = this.#fields;
    attributes.claims = this.#claims;
    attributes.serverName = isBytes ? this.#serverName : this.#peer.serverName;
    return attributes;
  }

  /** Until its answer it waits as long as its patience lasts, afterwards as long as a stream may be silent. */
  #dueMs(): number {
    if (!this.#hasAnswer) return this.#movedMs + this.#patienceMs;
    const { limits } = this.#peer.context;
    return this.#movedMs + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
  }

  /**
   * Bytes of a protocol that the app has not agreed to speak: before it does, it would read them as the next request, which nobody has
   * decided.
   */
  get #awaitsSwitch(): boolean {
    return this.#upgrade !== "" && !this.#isTunnel;
  }

  #switched(lane: AppLane): void {
    this.#sendHeld(lane);
    if (this.#isRequestEnded) lane.endBody(this.#requestTrailers);
    if (lane.pending <= this.#peer.context.limits.outputBytesHigh) this.#credit();
  }

  #sendHeld(lane: AppLane): void {
    const held = this.#heldForApp;
    this.#heldForApp = undefined;
    for (const part of held?.parts() ?? []) lane.body(part);
  }

  #sendToApp(lane: AppLane, data: Uint8Array): void {
    lane.body(data);
    if (lane.pending > this.#peer.context.limits.outputBytesHigh) this.#uncredited += data.length;
    else this.#consumed(data.length);
  }

  #consumed(bytes: number): void {
    this.#output.consumed(bytes);
  }

  #credit(): void {
    if (this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#consumed(bytes);
  }

  #endRequest(): void {
    this.#isRequestEnded = true;
    if (this.#askedName !== undefined) this.#named(undefined);
    if (this.#check !== undefined) this.#continueCheck(this.#check, true);
    this.#lane?.endBody(this.#requestTrailers);
    if (this.#isTunnel && this.#isAnswerEnded && this.#output.isEnded) this.#finish();
  }

  /** The answer has been sent. A tunnel lives on until its other side has ended too. */
  #answered(): void {
    if (this.#isOver || (this.#isTunnel && !this.#isRequestEnded && !this.#hasAppLeft)) return;
    // An answer before the end of the request: the rest is not wanted (RFC 9113 §8.1).
    if (!this.#isRequestEnded) this.#output.reset(H2_ERROR.NO_ERROR);
    this.#finish();
  }

  #replyLocally(reason: EndReason, policy = "", detail: LocalDetail = {}): void {
    const isAskedInGrpc = this.#upgrade === "" && isGrpc(this.#fields);
    const flow = this.#record.verdict === "deny" ? { flow: this.#record.spanId } : {};
    const reply = localReply(reason, { ...detail, ...flow, policy, isGrpc: isAskedInGrpc });
    recordStatus(this.#record, reply.fields, reply.status);
    this.#record.endReason = reason;
    this.#leaveApp();
    this.#hasAnswer = true;
    this.#isAnswerEnded = true;
    this.#movedMs = this.#peer.context.deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    const isWhole = reply.body === "";
    this.#output.head(reply.fields, isWhole);
    if (!isWhole) this.#output.write(Buffer.from(reply.body));
    // Where others fill the connection, or the peer gives no credit, it is sent when there is room.
    this.#output.end([]);
    if (this.#output.isEnded) this.#answered();
  }

  #leaveApp(): void {
    this.#lanes?.forget(this);
    this.#lane?.abandon();
    this.#lane = undefined;
  }

  #cutOff(reason: EndReason): void {
    this.#record.endReason = reason;
    this.#output.reset(H2_ERROR.INTERNAL_ERROR);
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // What the app has not read is the connection's credit too, which outlives the stream.
    this.#credit();
    this.#check?.abort.abort();
    const { context } = this.#peer;
    context.deadlines.remove(this);
    this.#record.doneUs = context.clock.nowUs();
    context.recorder.finish(this.#record);
    this.#leaveApp();
    this.#output.release();
  }
}

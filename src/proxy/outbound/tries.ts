/** The tries of one request: at which endpoint the first is made, and whether, where and when another follows. */
import type { Cancel } from "#engine/time";
import type { Candidate } from "#routing";
import type { EndReason } from "#telemetry";
import { H2_ERROR } from "#wire/http2";
import type { ProxyContext } from "../context.ts";
import { countedStatus } from "../grpc.ts";
import { isIdempotent } from "../idempotent.ts";
import { reasonIn } from "../local-reply.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { Claim } from "./claim.ts";
import { HedgedAttempt } from "./hedged-attempt.ts";
import type { Plan } from "./plan.ts";
import { backoffMs, type Failed, isRepeated } from "./repetition.ts";
import type { Target } from "./service.ts";

export interface TriesOwner extends AttemptOwner {
  readonly method: string;
  /** A try is made at an endpoint. */
  onChosen(candidate: Candidate<Target>, nowUs: number): void;
  /** Another endpoint's answer is taken than the one that was chosen. */
  onChanged(candidate: Candidate<Target>): void;
  /** There is no endpoint at all. */
  onNobody(): void;
}

export class Tries {
  readonly #context: ProxyContext;
  readonly #plan: Plan;
  readonly #claim: Claim;
  readonly #owner: TriesOwner;
  #current: Attempt | HedgedAttempt | undefined;
  #count = 0;
  /** When the present one was begun. */
  #askedUs = 0;
  #dueMs = Number.POSITIVE_INFINITY;
  /** What happens now happens at the instant of the choice. */
  #isStarting = false;
  /** Ends the wait before the next one. */
  #cancelWait: Cancel | undefined;
  #isOver = false;

  constructor(owner: TriesOwner, { context, plan, claim }: { context: ProxyContext; plan: Plan; claim: Claim }) {
    this.#owner = owner;
    this.#context = context;
    this.#plan = plan;
    this.#claim = claim;
  }

  get current(): Attempt | HedgedAttempt | undefined {
    return this.#current;
  }

  /** When the present one has taken too long, by the clock of the deadlines. */
  get dueMs(): number {
    return this.#dueMs;
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** Makes the first, at once or after a delay that the route injects. */
  begin(nowUs: number, delayMs: number): void {
    this.#plan.service.retries.deposit();
    if (delayMs === 0) return this.#choose(nowUs);
    this.#cancelWait = this.#context.timers.after(delayMs, () => this.#choose(this.#context.clock.nowUs()));
  }

  /** Whether another follows after such a failure: the present one is dropped then, and another endpoint asked. */
  again(failed: Failed): boolean {
    const { retry } = this.#plan;
    if (!isRepeated(failed, { method: this.#owner.method, retry })) return false;
    const nowMs = this.#nowMs();
    if (this.#count > (retry?.attempts ?? this.#context.limits.retriesMax) || !this.#hasBudget(nowMs)) return false;
    if (failed.reason === undefined) this.#judge(this.#current, failed);
    this.#choose(nowMs * 1000);
    return true;
  }

  /** The present one got no good answer, and its endpoint is judged by it. */
  failed(reason: EndReason): void {
    this.#current?.failed(reason, this.#nowMs());
  }

  /** No more follow; what is under way is reset with the code. */
  leave(code?: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelWait?.();
    this.#current?.leave(code);
    this.#claim.release();
  }

  /** An answer that is not taken says how good its endpoint is, as one that is. */
  #judge(attempt: Attempt | HedgedAttempt | undefined, { status, fields }: Pick<Failed, "status" | "fields">): void {
    const [firstByteUs, sentUs] = [this.#context.clock.nowUs(), this.#askedUs];
    attempt?.answered({ firstByteUs, sentUs, status: countedStatus(fields, status) });
  }

  #nowMs(): number {
    return this.#context.clock.nowUs() / 1000;
  }

  #choose(nowUs: number): void {
    const previous = this.#current;
    previous?.leave(H2_ERROR.CANCEL);
    this.#dueMs = Number.POSITIVE_INFINITY;
    const candidate = this.#plan.select(nowUs / 1000, previous?.candidate);
    this.#count++;
    if (candidate === undefined) return this.#owner.onNobody();
    const attempt = this.#attemptAt(candidate);
    this.#current = attempt;
    if (this.#count === 1) return this.#ask(attempt, nowUs);
    const waitMs = backoffMs(this.#count - 1, {
      isSame: candidate === previous?.candidate,
      leastMs: this.#plan.retry?.backoffMs ?? 0,
      drawn: this.#context.random(),
    });
    if (waitMs === 0) return this.#ask(attempt, nowUs);
    this.#cancelWait = this.#context.timers.after(waitMs, () => this.#ask(attempt, this.#context.clock.nowUs()));
  }

  #ask(attempt: Attempt | HedgedAttempt, nowUs: number): void {
    if (this.#isOver) return;
    const { attemptTimeoutMs } = this.#plan;
    if (attemptTimeoutMs > 0) this.#dueMs = this.#context.deadlines.in(attemptTimeoutMs);
    this.#askedUs = nowUs;
    this.#owner.onChosen(attempt.candidate, nowUs);
    this.#isStarting = true;
    attempt.start();
    this.#isStarting = false;
  }

  #attemptAt(candidate: Candidate<Target>): Attempt | HedgedAttempt {
    const owner = this.#owner;
    const hedge = this.#plan.rule?.hedge;
    const isSafe = hedge !== undefined && owner.isHeadOnly && isIdempotent(owner.method);
    if (!isSafe) return new Attempt(owner, candidate);
    return new HedgedAttempt(owner, candidate, {
      timers: this.#context.timers,
      afterMs: hedge.afterMs,
      another: () => this.#anotherThan(candidate),
      onWinner: (winner) => owner.onChanged(winner),
      onFailed: (side, reason) => side.failed(reason, this.#nowMs()),
      onBad: (side, status, fields) => {
        const reason = reasonIn(fields);
        if (reason === undefined) this.#judge(side, { status, fields });
        else side.failed(reason, this.#nowMs());
      },
    });
  }

  /** For a second try while the first is under way. */
  #anotherThan(candidate: Candidate<Target>): Candidate<Target> | undefined {
    const nowMs = this.#nowMs();
    const other = this.#plan.select(nowMs, candidate);
    return other === candidate || !this.#hasBudget(nowMs) ? undefined : other;
  }

  #hasBudget(nowMs: number): boolean {
    return this.#plan.service.retries.withdraw(nowMs) && this.#claim.repeat();
  }
}

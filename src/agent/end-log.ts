/**
 * The agent's log of requests that did not end as they should, made from what is counted anyway: the first of a kind at once, further ones
 * as a number once a minute. A kind is an edge with a reason, a status and a policy. Nothing that a caller wrote is in it.
 */
import { END_REASONS, type EndReason, type Party, type SeriesDelta, type TelemetryBatch } from "#telemetry";

export interface EndLogOptions {
  /** Takes one line of JSON. */
  readonly log: (line: string) => void;
  /** Kinds that are told apart at once. */
  readonly kindsMax?: number;
  /** Lines in a minute, of either sort; what is beyond is one number in one more line. */
  readonly linesMax?: number;
}

interface Kind {
  readonly line: Line;
  /** Since the last line. */
  count: number;
}

/** As pino has it, so that whoever reads the server's log reads this one. */
interface Line {
  readonly level: number;
  readonly msg: string;
  readonly reason: EndReason;
  readonly flags: string;
  readonly status: number;
  /** Whose agent writes: the caller's, or the called one's. */
  readonly reporter: "source" | "destination";
  readonly source: string;
  readonly destination: string;
  /** Label of the policy or limit that decided. */
  readonly policy?: string;
}

interface Counted {
  readonly count: number;
  /** In so many seconds; absent for the first of a kind. */
  readonly seconds?: number;
  readonly trace?: string;
  readonly flow?: string;
}

const INTERVAL_MS = 60_000;
const INFO = 30;
const WARN = 40;
const KINDS_MAX = 512;
const LINES_MAX = 60;
/** The label may come from another agent. */
const POLICY_CHARS_MAX = 256;

export class EndLog {
  readonly #log: (line: string) => void;
  readonly #kindsMax: number;
  readonly #linesMax: number;
  readonly #kinds = new Map<string, Kind>();
  #sinceMs = Number.NaN;
  #lines = 0;
  #unlisted = 0;

  constructor({ log, kindsMax = KINDS_MAX, linesMax = LINES_MAX }: EndLogOptions) {
    this.#log = log;
    this.#kindsMax = kindsMax;
    this.#linesMax = linesMax;
  }

  /** What was counted since the call before, to be called about each second whether anything was or not. */
  observe(batch: TelemetryBatch | undefined, nowMs: number): void {
    if (Number.isNaN(this.#sinceMs)) this.#sinceMs = nowMs;
    for (const series of batch?.series ?? []) {
      if (isTold(series.endReason)) this.#count(series, batch as TelemetryBatch);
    }
    if (nowMs - this.#sinceMs >= INTERVAL_MS) this.flush(nowMs);
  }

  /** Tells what has been counted and not been told. A kind of which nothing came is forgotten, and new when it comes again. */
  flush(nowMs: number): void {
    const seconds = Math.round((nowMs - this.#sinceMs) / 1000);
    this.#sinceMs = nowMs;
    this.#lines = 0;
    const counted = [...this.#kinds].toSorted(([, a], [, b]) => b.count - a.count);
    for (const [key, kind] of counted) {
      if (kind.count === 0) this.#kinds.delete(key);
      else this.#write(nowMs, kind.line, { count: kind.count, seconds });
      kind.count = 0;
    }
    if (this.#unlisted === 0) return;
    const msg = "More requests than there are lines for did not end as they should; the metrics have them all.";
    this.#log(JSON.stringify({ level: WARN, time: nowMs, msg, count: this.#unlisted, seconds }));
    this.#unlisted = 0;
  }

  #count(series: SeriesDelta, batch: TelemetryBatch): void {
    const line = lineOf(series, batch);
    const key = JSON.stringify(line);
    const known = this.#kinds.get(key);
    if (known !== undefined) known.count += series.count;
    else if (this.#kinds.size >= this.#kindsMax) this.#unlisted += series.count;
    else {
      this.#kinds.set(key, { line, count: 0 });
      this.#write(batch.toMs, line, { count: series.count, ...traceOf(series, batch) });
    }
  }

  #write(time: number, { level, msg, ...rest }: Line, more: Counted): void {
    if (this.#lines >= this.#linesMax) this.#unlisted += more.count;
    else this.#log(JSON.stringify({ level, time, msg, ...rest, ...more }));
    this.#lines++;
  }
}

/** A caller that left is no answer of ours, and no fault of anybody here. */
function isTold(reason: EndReason): boolean {
  return reason !== "completed" && reason !== "downstream-closed";
}

function lineOf({ edge, endReason, status, policy }: SeriesDelta, { edges }: TelemetryBatch): Line {
  const { sentence, flag, blame } = END_REASONS[endReason];
  const key = edges[edge];
  return {
    // What a policy or a caller is the cause of is as it should be.
    level: blame === "policy" || blame === "client" ? INFO : WARN,
    msg: sentence,
    reason: endReason,
    flags: flag,
    status,
    reporter: key?.reporter ?? "source",
    source: nameOf(key?.source),
    destination: nameOf(key?.destination),
    ...(policy === "" ? {} : { policy: policy.slice(0, POLICY_CHARS_MAX) }),
  };
}

function nameOf(party: Party | undefined): string {
  const name = party?.instance || party?.service || party?.workload;
  return party === undefined || !name ? "unknown" : `${party.namespace}/${name}`;
}

/** One of them, to be looked at with `heddle trace`, and where it was denied with `heddle policy explain`. */
function traceOf(series: SeriesDelta, { samples }: TelemetryBatch): Pick<Counted, "trace" | "flow"> {
  const found = samples.find(
    ({ edge, endReason, status, traceId }) =>
      edge === series.edge && endReason === series.endReason && status === series.status && traceId !== "",
  );
  if (found === undefined) return {};
  return { trace: found.traceId, ...(found.verdict === "deny" ? { flow: found.spanId } : {}) };
}

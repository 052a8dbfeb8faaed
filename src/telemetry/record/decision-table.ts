import type { DecisionDelta, DecisionDetail, TokenSeen, Verdict } from "#telemetry";
import { hasPrefix, hasShape, isOwnShape, isPlainPath, pathEnd, prefixOf, shapeHash, shapeOf } from "./path-shape.ts";
import type { RequestRecord } from "./request-record.ts";

const NONE = -1;

/** From the most to the least that is told of a request. */
const DETAILS = ["whole", "prefix", "caller"] as const satisfies readonly DecisionDetail[];
const [WHOLE, PREFIX, CALLER] = [0, 1, 2] as const;
type Level = typeof WHOLE | typeof PREFIX | typeof CALLER;

/** Rows of one edge by how much they tell, so that no caller fills the table: one that asks for ever new paths is told of by less. */
const ROWS_PER_EDGE = [128, 32, 16] as const;

/** Longer texts are not kept; the request is told of by less. */
const CHARS_MAX = { method: 32, path: 256, host: 255 } as const;

const VERDICTS: readonly Verdict[] = ["none", "allow", "deny"];
const TOKENS: readonly TokenSeen[] = ["unread", "none", "verified", "refused"];

/** A power of two: places at which rows are found again by the text of their path. */
const PLACES = 1024;

/**
 * What was decided, of whom and of which requests, counted in rows that are reached by a hash. A request like one before allocates nothing;
 * neither does one that differs from it in a segment that its row leaves out.
 */
export class DecisionTable {
  readonly #max: number;
  readonly #buckets: Int32Array;
  readonly #next: Int32Array;
  readonly #edge: Int32Array;
  readonly #hash: Int32Array;
  readonly #level: Uint8Array;
  readonly #method: string[];
  readonly #path: string[];
  readonly #host: string[];
  readonly #issuer: string[];
  readonly #policy: string[];
  readonly #observedPolicy: string[];
  /** Port, verdicts, token and whether it is external, packed. */
  readonly #facts: Int32Array;
  readonly #rule: Int32Array;
  readonly #count: Float64Array;
  readonly #touchedMs: Float64Array;
  readonly #touched: Int32Array;
  readonly #rowsOfEdge: Uint16Array;
  readonly #recentPath: string[] = new Array<string>(PLACES).fill("");
  readonly #recentRow = new Int32Array(PLACES).fill(NONE);
  readonly #free: number[] = [];
  #touchedCount = 0;
  #used = 0;
  #unrecorded = 0;
  #unrecordedTaken = 0;

  constructor(rowsMax: number, edgesMax: number) {
    const texts = (): string[] => new Array<string>(rowsMax).fill("");
    this.#max = rowsMax;
    // About one row for each bucket; a power of two.
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1, rowsMax)))).fill(NONE);
    this.#next = new Int32Array(rowsMax).fill(NONE);
    this.#edge = new Int32Array(rowsMax);
    this.#hash = new Int32Array(rowsMax);
    this.#level = new Uint8Array(rowsMax);
    this.#method = texts();
    this.#path = texts();
    this.#host = texts();
    this.#issuer = texts();
    this.#policy = texts();
    this.#observedPolicy = texts();
    this.#facts = new Int32Array(rowsMax);
    this.#rule = new Int32Array(rowsMax);
    this.#count = new Float64Array(rowsMax);
    this.#touchedMs = new Float64Array(rowsMax);
    this.#touched = new Int32Array(rowsMax);
    this.#rowsOfEdge = new Uint16Array(edgesMax * DETAILS.length);
  }

  /** Decisions since the start that found no row. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** Counts one decision. `isNamed`: whether its edge's slot stands for an edge; of one that does not nothing can be told. */
  add(record: RequestRecord, isNamed: boolean): void {
    const row = isNamed ? this.#find(record) : NONE;
    if (row === NONE) {
      this.#unrecorded++;
      return;
    }
    const count = this.#count[row] as number;
    if (count === 0) this.#touched[this.#touchedCount++] = row;
    this.#count[row] = count + 1;
  }

  /** Hands over every touched row as a delta and starts it from zero. */
  take(nowMs: number, edgeIndex: (slot: number) => number): DecisionDelta[] {
    const deltas: DecisionDelta[] = [];
    for (let index = 0; index < this.#touchedCount; index++) {
      const row = this.#touched[index] as number;
      deltas.push(this.#delta(row, edgeIndex(this.#edge[row] as number)));
      this.#touchedMs[row] = nowMs;
      this.#count[row] = 0;
    }
    this.#touchedCount = 0;
    return deltas;
  }

  /** Those since the call before that found no row. */
  takeUnrecorded(): number {
    const since = this.#unrecorded - this.#unrecordedTaken;
    this.#unrecordedTaken = this.#unrecorded;
    return since;
  }

  /** Forgets rows that were silent since `beforeMs`; tells through the return value which edges still have some. */
  expire(beforeMs: number): (edge: number) => boolean {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      let row = this.#buckets[bucket] as number;
      let kept = NONE;
      while (row !== NONE) {
        const next = this.#next[row] as number;
        if ((this.#touchedMs[row] as number) < beforeMs && this.#count[row] === 0) this.#release(row);
        else {
          this.#next[row] = kept;
          kept = row;
        }
        row = next;
      }
      this.#buckets[bucket] = kept;
    }
    this.#recentRow.fill(NONE);
    return (edge) => DETAILS.some((_, level) => this.#rowsOfEdge[edge * DETAILS.length + level] !== 0);
  }

  #find(record: RequestRecord): number {
    const { edge, path } = record;
    const place = (edge * 31 + path.length * 7 + path.charCodeAt(path.length - 1)) & (PLACES - 1);
    const recent = this.#recentRow[place] as number;
    if (recent !== NONE && this.#recentPath[place] === path && this.#isOf(recent, record)) return recent;
    const row = this.#findByShape(record);
    // Longer ones are looked up anew, so that what a caller makes us remember is bounded.
    if (path.length <= CHARS_MAX.path) {
      this.#recentPath[place] = path;
      this.#recentRow[place] = row;
    }
    return row;
  }

  /** Whether the row tells of the record's request, by everything but its path. */
  #isOf(row: number, record: RequestRecord): boolean {
    const level = this.#level[row] as Level;
    return (
      this.#edge[row] === record.edge &&
      (level === CALLER || (this.#method[row] as string) === record.method) &&
      (level !== WHOLE || (this.#host[row] as string) === record.authority) &&
      this.#facts[row] === factsOf(record) &&
      this.#rule[row] === record.rule &&
      (this.#policy[row] as string) === record.policy &&
      (this.#observedPolicy[row] as string) === record.observedPolicy &&
      (this.#issuer[row] as string) === record.issuer
    );
  }

  #findByShape(record: RequestRecord): number {
    const { edge, path } = record;
    for (let level = levelOf(record); level <= CALLER; level++) {
      if (level < CALLER && !isTold(level as Level, path)) continue;
      const hash = Math.imul((level === WHOLE ? shapeHash(path) : level) ^ edge, 0x01000193);
      const row = this.#lookUp(hash, level as Level, record);
      if (row !== NONE) return row;
      const rows = this.#rowsOfEdge[edge * DETAILS.length + level] as number;
      if (rows < (ROWS_PER_EDGE[level] as number)) return this.#create(hash, level as Level, record);
    }
    return NONE;
  }

  #lookUp(hash: number, level: Level, record: RequestRecord): number {
    let row = this.#buckets[hash & (this.#buckets.length - 1)] as number;
    while (row !== NONE) {
      if (
        this.#hash[row] === hash &&
        this.#level[row] === level &&
        this.#isOf(row, record) &&
        isPathOf(level, this.#path[row] as string, record.path)
      )
        return row;
      row = this.#next[row] as number;
    }
    return NONE;
  }

  #create(hash: number, level: Level, record: RequestRecord): number {
    const row = this.#free.pop() ?? (this.#used < this.#max ? this.#used++ : NONE);
    if (row === NONE) return NONE;
    const bucket = hash & (this.#buckets.length - 1);
    this.#next[row] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = row;
    this.#hash[row] = hash;
    this.#level[row] = level;
    this.#edge[row] = record.edge;
    this.#method[row] = level === CALLER ? "" : record.method;
    this.#path[row] = pathAt(level, record.path);
    this.#host[row] = level === WHOLE ? record.authority : "";
    this.#issuer[row] = record.issuer;
    this.#policy[row] = record.policy;
    this.#observedPolicy[row] = record.observedPolicy;
    this.#facts[row] = factsOf(record);
    this.#rule[row] = record.rule;
    this.#count[row] = 0;
    const slot = record.edge * DETAILS.length + level;
    this.#rowsOfEdge[slot] = (this.#rowsOfEdge[slot] as number) + 1;
    return row;
  }

  #release(row: number): void {
    const slot = (this.#edge[row] as number) * DETAILS.length + (this.#level[row] as number);
    this.#rowsOfEdge[slot] = (this.#rowsOfEdge[slot] as number) - 1;
    this.#edge[row] = NONE;
    this.#free.push(row);
  }

  #delta(row: number, edge: number): DecisionDelta {
    const facts = this.#facts[row] as number;
    return {
      edge,
      port: facts & 0xffff,
      detail: DETAILS[this.#level[row] as Level],
      method: this.#method[row] as string,
      path: this.#path[row] as string,
      host: this.#host[row] as string,
      token: TOKENS[(facts >> 20) & 3] ?? "unread",
      issuer: this.#issuer[row] as string,
      isExternal: facts >> 22 === 1,
      verdict: ((facts >> 16) & 3) === VERDICTS.indexOf("deny") ? "deny" : "allow",
      policy: this.#policy[row] as string,
      rule: this.#rule[row] as number,
      observedVerdict: VERDICTS[(facts >> 18) & 3] ?? "none",
      observedPolicy: this.#observedPolicy[row] as string,
      count: this.#count[row] as number,
    };
  }
}

/** How much can be told of it at the most. */
function levelOf({ method, path, authority }: RequestRecord): Level {
  if (method.length > CHARS_MAX.method) return CALLER;
  return pathEnd(path) <= CHARS_MAX.path && authority.length <= CHARS_MAX.host ? WHOLE : PREFIX;
}

/** Of what is no plain path, such as `*` or `/a/../b`, there is no prefix, and no shape but itself. */
function isTold(level: Level, path: string): boolean {
  return isPlainPath(path) || (level === WHOLE && isOwnShape(path));
}

function isPathOf(level: Level, held: string, path: string): boolean {
  if (level === WHOLE) return hasShape(path, held);
  return level === CALLER || hasPrefix(path, held);
}

function pathAt(level: Level, path: string): string {
  if (level === WHOLE) return shapeOf(path);
  return level === PREFIX ? prefixOf(path) : "";
}

function factsOf({ port, verdict, observedVerdict, token, endReason }: RequestRecord): number {
  const isExternal = endReason === "external-denied" || endReason === "external-unavailable";
  return (
    (port & 0xffff) |
    (VERDICTS.indexOf(verdict) << 16) |
    (VERDICTS.indexOf(observedVerdict) << 18) |
    (TOKENS.indexOf(token) << 20) |
    (isExternal ? 1 << 22 : 0)
  );
}

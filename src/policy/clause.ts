/** One source and one operation of one rule: what must hold together for the rule to match. */
import {
  type ClauseField,
  type Condition,
  conditionsOf,
  expressionConditions,
  holds,
  isOfHttp,
  type Need,
  needOf,
  whenConditions,
} from "./conditions.ts";
import type { Reading } from "./headers.ts";
import { type PartialRequest, unknownPartsOf } from "./partial-request.ts";
import { canonicalPath, isAmbiguous } from "./path.ts";
import type { RequestAttributes, Unknowns } from "./request.ts";
import type { ConditionMatch, OperationMatch, SourceMatch } from "./rule-set.ts";
import type { TermAttribute } from "./terms.ts";
import { unjudgedParts } from "./unknowns.ts";

/** What a clause is for. `LIMIT` restricts as `DENY` does, but counts connections without HTTP only where it says nothing of HTTP. */
export type ClausePurpose = "ALLOW" | "DENY" | "LIMIT";

export interface ClauseParts {
  readonly source?: SourceMatch | undefined;
  readonly operation?: OperationMatch | undefined;
  readonly when?: readonly ConditionMatch[];
  readonly expression?: string;
  /** Why the rule of the clause cannot be decided, or "". */
  readonly unenforceable?: string;
}

/** What can be said of a clause where not all of a request is known. */
export interface ClauseOutlook {
  /** `open`: it depends on what is not known. */
  readonly kind: "met" | "unmet" | "open";
  /** Fields whose conditions do not hold, whatever else is so. */
  readonly failed: readonly ClauseField[];
  /** What is not known and is looked at; empty unless it makes a difference. */
  readonly unknown: readonly TermAttribute[];
}

const MET: ClauseOutlook = { kind: "met", failed: [], unknown: [] };

export class Clause {
  readonly #conditions: readonly Condition[];
  readonly #purpose: ClausePurpose;
  /** Why it cannot be decided, or "". Then it matches everything where it restricts, and nothing where it allows. */
  readonly unenforceable: string;

  private constructor(conditions: readonly Condition[], purpose: ClausePurpose, unenforceable: string) {
    this.#conditions = conditions;
    this.#purpose = purpose;
    this.unenforceable = unenforceable;
  }

  static of(
    { source, operation, when = [], expression = "", unenforceable = "" }: ClauseParts,
    purpose: ClausePurpose,
  ): Clause {
    const reading: Reading = purpose === "ALLOW" ? "all" : "any";
    const parts = [
      conditionsOf(source ?? {}, reading),
      conditionsOf(operation ?? {}, reading),
      whenConditions(when, reading),
      expressionConditions(expression, reading),
    ];
    const conditions = parts.flatMap((each) => (typeof each === "string" ? [] : each));
    const faults = [unenforceable, ...parts.filter((each) => typeof each === "string")];
    return new Clause(conditions, purpose, faults.find((each) => each !== "") ?? "");
  }

  /** What of a request must be at hand to decide it. */
  needs(what: Need): boolean {
    return this.#conditions.some(({ test }) => needOf(test) === what);
  }

  /** The same without the conditions on an attribute, for where they are known to hold. */
  without(known: ClauseField): Clause {
    const others = this.#conditions.filter(({ field }) => field !== known);
    return new Clause(others, this.#purpose, this.unenforceable);
  }

  /** Whether all conditions hold; of what has several readings, for all of them when allowing and for any when restricting. */
  matches(request: RequestAttributes): boolean {
    if (this.unenforceable !== "") return this.#purpose !== "ALLOW";
    const asSent = this.#holdsFor(request, request.path);
    if (asSent === (this.#purpose !== "ALLOW") || !isAmbiguous(request.path)) return asSent;
    return this.#holdsFor(request, canonicalPath(request.path));
  }

  /** For explaining; of a path that can be read in several ways, what failed is told of its canonical reading. */
  outlook(partial: PartialRequest): ClauseOutlook {
    const request = partial.attributes;
    if (this.unenforceable !== "")
      return this.#purpose === "ALLOW" ? { kind: "unmet", failed: ["unenforceable"], unknown: [] } : MET;
    const asked = this.#conditions.map((condition) => {
      const isDecided = request.protocol === "tcp" && isOfHttp(condition.test);
      return { condition, unknown: isDecided ? [] : unknownPartsOf(condition.test, partial) };
    });
    const known = asked.filter(({ unknown }) => unknown.length === 0).map(({ condition }) => condition);
    if (!new Clause(known, this.#purpose, "").matches(request)) {
      const failed = this.#failed(known, request);
      return { kind: "unmet", failed, unknown: [] };
    }
    const unknown = asked.flatMap((each) => each.unknown);
    return unknown.length === 0 ? MET : { kind: "open", failed: [], unknown };
  }

  #failed(conditions: readonly Condition[], request: RequestAttributes): readonly ClauseField[] {
    const readings = isAmbiguous(request.path) ? [canonicalPath(request.path), request.path] : [request.path];
    const failed = readings.map((path) => conditions.filter((each) => !this.#holds(each, request, path)));
    return (failed.find((each) => each.length > 0) ?? []).map(({ field }) => field);
  }

  #holdsFor(request: RequestAttributes, path: string): boolean {
    for (const condition of this.#conditions) if (!this.#holds(condition, request, path)) return false;
    return true;
  }

  #holds(condition: Condition, request: RequestAttributes, path: string): boolean {
    // A connection without HTTP has no method to compare: to deny, that counts as a match; to allow or count, as none.
    if (request.protocol === "tcp" && isOfHttp(condition.test)) return this.#purpose === "DENY";
    if (request.unknowns !== undefined) return this.#holdsInReading(condition, request, path);
    return holds(condition, request, path) ?? this.#purpose === "DENY";
  }

  #holdsInReading(condition: Condition, request: RequestAttributes, path: string): boolean {
    const { reading, onUnjudged } = request.unknowns as Unknowns;
    const unjudged = unjudgedParts(condition, request);
    const known = unjudged.length === 0 ? holds(condition, request, path) : undefined;
    if (known !== undefined) return known;
    onUnjudged(unjudged);
    return (this.#purpose === "DENY") === (reading === "restrict");
  }
}

/** One source and one operation of one rule: what must hold together for the rule to match. */
import { canonicalPath, isAmbiguous } from "./path.ts";
import type { RequestAttributes } from "./request.ts";
import type { OperationMatch, SourceMatch } from "./rule-set.ts";
import { StringMatcher } from "./strings.ts";

/** The attributes that a clause can constrain, in the words of the policy's own fields. */
export type ClauseField =
  | "principals"
  | "notPrincipals"
  | "namespaces"
  | "notNamespaces"
  | "methods"
  | "notMethods"
  | "paths"
  | "notPaths"
  | "ports"
  | "notPorts"
  | "hosts"
  | "notHosts";

interface Condition {
  readonly field: ClauseField;
  readonly isNegated: boolean;
  readonly isHttp: boolean;
  readonly matcher: StringMatcher;
}

const HTTP_FIELDS: readonly string[] = ["methods", "paths", "hosts"];

/** What a clause is for. `LIMIT` restricts as `DENY` does, but counts connections without HTTP only where it says nothing of HTTP. */
export type ClausePurpose = "ALLOW" | "DENY" | "LIMIT";

export class Clause {
  readonly #conditions: readonly Condition[];
  readonly #purpose: ClausePurpose;

  private constructor(conditions: readonly Condition[], purpose: ClausePurpose) {
    this.#conditions = conditions;
    this.#purpose = purpose;
  }

  static of(source: SourceMatch | undefined, operation: OperationMatch | undefined, purpose: ClausePurpose): Clause {
    return new Clause([...conditionsOf(source ?? {}), ...conditionsOf(operation ?? {})], purpose);
  }

  /** The same without the conditions on an attribute, for where they are known to hold. */
  without(known: ClauseField): Clause {
    return new Clause(
      this.#conditions.filter(({ field }) => field !== known),
      this.#purpose,
    );
  }

  /** Whether all conditions hold; of a path with two readings, for both when allowing and for either when restricting. */
  matches(request: RequestAttributes): boolean {
    const asSent = this.#holdsFor(request, request.path);
    if (asSent === (this.#purpose !== "ALLOW") || !isAmbiguous(request.path)) return asSent;
    return this.#holdsFor(request, canonicalPath(request.path));
  }

  /** The fields whose conditions do not hold, for explaining; the path counts in its canonical reading. */
  failures(request: RequestAttributes): readonly ClauseField[] {
    const path = isAmbiguous(request.path) ? canonicalPath(request.path) : request.path;
    return this.#conditions.filter((condition) => !this.#holds(condition, request, path)).map(({ field }) => field);
  }

  #holdsFor(request: RequestAttributes, path: string): boolean {
    for (const condition of this.#conditions) if (!this.#holds(condition, request, path)) return false;
    return true;
  }

  #holds(condition: Condition, request: RequestAttributes, path: string): boolean {
    // A connection without HTTP has no method to compare: to deny, that counts as a match; to allow or count, as none.
    if (condition.isHttp && request.protocol === "tcp") return this.#purpose === "DENY";
    return matchesAttribute(condition, request, path) !== condition.isNegated;
  }
}

function conditionsOf(match: Partial<SourceMatch & OperationMatch>): readonly Condition[] {
  return Object.entries(match)
    .filter(([, patterns]) => patterns.length > 0)
    .map(([field, patterns]) => {
      const isNegated = field.startsWith("not");
      const name = isNegated ? field.slice(3).toLowerCase() : field;
      const folded = name === "hosts" ? patterns.map((pattern) => pattern.toLowerCase()) : patterns;
      return {
        field: field as ClauseField,
        isNegated,
        isHttp: HTTP_FIELDS.includes(name),
        matcher: new StringMatcher(folded),
      };
    });
}

function matchesAttribute({ field, matcher }: Condition, request: RequestAttributes, path: string): boolean {
  switch (field) {
    case "principals":
    case "notPrincipals":
      return matcher.matches(request.principal);
    case "namespaces":
    case "notNamespaces":
      return matcher.matches(request.namespace);
    case "methods":
    case "notMethods":
      return matcher.matches(request.method);
    case "paths":
    case "notPaths":
      return matcher.matches(path);
    case "ports":
    case "notPorts":
      return matcher.matches(String(request.port));
    case "hosts":
    case "notHosts":
      return matchesHost(matcher, request.host.toLowerCase());
  }
}

/** A pattern may name the host alone or with its port. A trailing dot names the same host (RFC 1034 §3.1). */
function matchesHost(matcher: StringMatcher, host: string): boolean {
  if (matcher.matches(host)) return true;
  const bare = host.replace(/:[0-9]*$/, "").replace(/\.$/, "");
  return bare !== host && matcher.matches(bare);
}

import { type AdminVerb, type Problem, ProblemError, problem } from "#model";
import type { AdminGrant } from "./administrator.ts";

export interface RightsOptions {
  /** As it is told to the administrator. */
  readonly actor: string;
  readonly grants: readonly AdminGrant[];
  readonly rootNamespace: string;
  /** The namespaces above, itself last. */
  readonly lineageOf: (namespace: string) => readonly string[];
}

/** The place of what belongs to no namespace. */
export const WHOLE_MESH = "";

/** What one administrator may do at the moment of its request. What no grant holds is refused. */
export class Rights {
  readonly #options: RightsOptions;
  /** Roles and tree are those of one moment: each question is decided once. */
  readonly #decided = new Map<string, boolean>();
  #wasAsked = false;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  get actor(): string {
    return this.#options.actor;
  }

  get grants(): readonly AdminGrant[] {
    return this.#options.grants;
  }

  /** Whether anything was decided by them: an answer that was not is a defect. */
  get wasAsked(): boolean {
    return this.#wasAsked;
  }

  /** In the namespace, or in the whole mesh for `""`. */
  may(verb: AdminVerb, namespace: string): boolean {
    this.#wasAsked = true;
    const key = `${verb} ${namespace}`;
    const decided = this.#decided.get(key) ?? this.#decide(verb, namespace);
    this.#decided.set(key, decided);
    return decided;
  }

  #decide(verb: AdminVerb, namespace: string): boolean {
    const { grants, rootNamespace, lineageOf } = this.#options;
    const above = new Set(namespace === WHOLE_MESH ? [rootNamespace] : [rootNamespace, ...lineageOf(namespace)]);
    return grants.some((grant) => above.has(grant.namespace) && gives(grant, verb));
  }

  /** Tells namespace by namespace, for what is shown. */
  within(verb: AdminVerb): (namespace: string) => boolean {
    this.#wasAsked = true;
    return (namespace) => this.may(verb, namespace);
  }

  /** In some namespace at all. */
  mayAnywhere(verb: AdminVerb): boolean {
    return this.#options.grants.some((grant) => gives(grant, verb));
  }

  /** Throws `HDL_API_FORBIDDEN` for what no namespace of its own would allow. */
  forbid(what: string): never {
    throw new ProblemError(problem("HDL_API_FORBIDDEN", `${this.actor} may not ${what} (it holds ${this.#held()})`));
  }

  /** Throws `HDL_API_FORBIDDEN`. `what` is the object of the refused sentence. */
  require(verb: AdminVerb, namespace: string, what: string): void {
    if (!this.may(verb, namespace)) throw new ProblemError(this.refusal(verb, namespace, what));
  }

  refusal(verb: AdminVerb, namespace: string, what: string): Problem {
    const { actor } = this.#options;
    const place = namespace === WHOLE_MESH ? "the whole mesh" : `namespace ${namespace}`;
    return problem("HDL_API_FORBIDDEN", `${actor} may not ${verb} in ${place}: ${what} (it holds ${this.#held()})`);
  }

  #held(): string {
    const held = this.#options.grants.map(({ verbs, namespace }) => `${verbs.join(", ")} in ${namespace} and below`);
    return held.length === 0 ? "no right" : held.join("; ");
  }
}

function gives({ verbs }: AdminGrant, verb: AdminVerb): boolean {
  return verbs.includes(verb) || (verb === "view" && verbs.some((each) => each !== "audit"));
}

/** Who may call whom, by attributes, after defaults. Heddle's own kind. */
import type { AuthorizationOperation } from "./authorization-policy.ts";
import type { ResourceOf } from "./resource-of.ts";

/** All that is said must hold; a list is an OR, an empty one does not constrain. */
export interface AccessSubject {
  /** Principals, as AuthorizationPolicy matches them. */
  readonly identities: readonly string[];
  readonly namespaces: readonly string[];
  /** Labels of the caller's `Namespace`. */
  readonly namespaceLabels: Readonly<Record<string, string>>;
  /** Labels of the caller's `ServiceAccount`. */
  readonly accountLabels: Readonly<Record<string, string>>;
  /** Where the connection comes from, for callers without an agent. */
  readonly addresses: readonly string[];
  /** Claims of the verified token, each with the values of which it must have one. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

/** A part of a week, as the clocks of a zone show it. One that ends before it begins goes on into the next day. */
export interface AccessSchedule {
  /** Sunday is 0; empty for every day. */
  readonly days: readonly number[];
  /** Minutes since midnight; `toMinute` is the first that is no more of it. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Name in the IANA database. */
  readonly timeZone: string;
}

export interface AccessRule {
  /** Any of these; empty for every caller. */
  readonly subjects: readonly AccessSubject[];
  /** Any of these; empty for everything. */
  readonly operations: readonly AuthorizationOperation[];
  /** What must hold too, in the Common Expression Language; "" for nothing. */
  readonly condition: string;
  readonly mode: "Enforce" | "Observe";
}

export interface AccessPolicy extends ResourceOf<"heddle.dev/v1", "AccessPolicy"> {
  readonly spec: {
    /** Undefined selects every workload. */
    readonly selector: Readonly<Record<string, string>> | undefined;
    readonly action: "Allow" | "Reject";
    /**
     * Where beside its own namespace it holds: nowhere, in the namespaces below as if it were written there, or there as a bound that
     * nothing below can weaken.
     */
    readonly propagation: "None" | "Default" | "Guardrail";
    /** Asked only where no other rule matches. */
    readonly fallback: boolean;
    /** Milliseconds since the epoch from which on it is not in force; undefined for never. */
    readonly expiresAtMs: number | undefined;
    /** In force during any of these; empty for always. */
    readonly schedule: readonly AccessSchedule[];
    readonly rules: readonly AccessRule[];
  };
}

/** Label of a `Namespace` that names the one above it. */
export const PARENT_LABEL = "heddle.dev/parent";
/** Annotation of a `Service` or `Namespace`: whom to ask about it. A namespace's holds for all below it that say nothing themselves. */
export const OWNER_ANNOTATION = "heddle.dev/owner";
/** Label of a `Namespace`: what holds where no ALLOW policy does, `deny` or `discovery` (allow, and record that nothing allowed it). */
export const POSTURE_LABEL = "heddle.dev/default-posture";

/** What an export is made from, and what it says. */
import type { RuleSet } from "#policy";

/** The systems that policies can be written for. */
export type ExportTarget = "istio" | "kubernetes-networkpolicy" | "envoy-rbac" | "nftables" | "linkerd" | "cilium";

/** One service, or those of its replicas that have the same policies. */
export interface ExportedWorkload {
  readonly namespace: string;
  /** Of the service; names what is written. */
  readonly name: string;
  /** By which the other system tells its workloads. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the app. */
  readonly port: number;
  /** All that is in force there, as they are written and not as they are at this moment. */
  readonly ruleSets: readonly RuleSet[];
}

export interface ExportFacts {
  readonly trustDomain: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Labels that only workloads of the account bear, in its namespace; undefined where there are none. */
  readonly labelsOf: (namespace: string, account: string) => Readonly<Record<string, string>> | undefined;
}

/** What is not in the other system as it is here. Never is anything allowed there that is denied here. */
export interface ExportNote {
  /** `namespace/name` of the workload. */
  readonly workload: string;
  /** `Kind/namespace/name`, or several joined where their rules were put together. */
  readonly policy: string;
  /** Index of the rule, or -1 for the policy as a whole. */
  readonly rule: number;
  /**
   * `denies-more`: a request may be denied there that is allowed here. `same`: no verdict differs. `not-written`: it holds for nothing
   * that was exported.
   */
  readonly effect: "denies-more" | "same" | "not-written";
  readonly message: string;
}

/** What is written for one workload: objects of YAML, or a text. */
export interface Written {
  readonly documents: readonly object[];
  readonly text: string;
  readonly notes: readonly ExportNote[];
}

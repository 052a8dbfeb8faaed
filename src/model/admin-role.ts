/** `AdminRole`, after defaults. Heddle's own kind. */
import type { ResourceOf } from "./resource-of.ts";

/**
 * What an administrator may do:
 * - `view`: see resources, their history, workloads and traffic. Whoever holds another verb than `audit` may view as well.
 * - `operate`: change where requests go and how much; let workloads join.
 * - `secure`: change who may call whom, and revoke identities.
 * - `administer`: change namespaces, service accounts, roles and API tokens. It can give itself the other verbs where it holds.
 * - `audit`: read the audit log.
 */
export const ADMIN_VERBS = ["view", "operate", "secure", "administer", "audit"] as const;
export type AdminVerb = (typeof ADMIN_VERBS)[number];

export type AdminHolder =
  | { readonly kind: "api-token"; readonly namespace: string; readonly name: string }
  /** The claim `sub` of the identity provider. */
  | { readonly kind: "subject"; readonly subject: string }
  /** A value of the identity provider's claim of groups. */
  | { readonly kind: "group"; readonly group: string };

/** Lets its holders do so much in its own namespace and in all below; in the root namespace, in the whole mesh. */
export interface AdminRole extends ResourceOf<"heddle.dev/v1", "AdminRole"> {
  readonly spec: { readonly verbs: readonly AdminVerb[]; readonly holders: readonly AdminHolder[] };
}

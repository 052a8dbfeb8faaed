import type { AdminHolder, AdminRole, AdminVerb } from "#model";

/** Who asks, as it was proved. */
export type Administrator =
  /** The bearer of the credential of the first start. */
  | { readonly kind: "local" }
  | {
      readonly kind: "api-token";
      readonly id: string;
      readonly namespace: string;
      readonly name: string;
      readonly verbs: readonly AdminVerb[];
    }
  /** As the identity provider vouched for it at the login. */
  | {
      readonly kind: "person";
      readonly subject: string;
      /** Only one that the provider has verified. */
      readonly email: string | undefined;
      readonly groups: readonly string[];
    };

/** What somebody may do in a namespace and all below. */
export interface AdminGrant {
  readonly verbs: readonly AdminVerb[];
  readonly namespace: string;
}

/** For history, audit and messages. */
export function actorNameOf(administrator: Administrator): string {
  switch (administrator.kind) {
    case "local":
      return "admin";
    case "api-token":
      return `api-token:${administrator.namespace}/${administrator.name}`;
    case "person":
      return `person:${administrator.subject}${administrator.email === undefined ? "" : ` (${administrator.email})`}`;
  }
}

function isHolder(holder: AdminHolder, administrator: Administrator): boolean {
  switch (holder.kind) {
    case "api-token":
      if (administrator.kind !== "api-token") return false;
      return administrator.namespace === holder.namespace && administrator.name === holder.name;
    case "subject":
      return administrator.kind === "person" && administrator.subject === holder.subject;
    case "group":
      return administrator.kind === "person" && administrator.groups.includes(holder.group);
  }
}

/** What the administrator holds by itself, and by the roles that name it. */
export function grantsOf(
  administrator: Administrator,
  roles: readonly AdminRole[],
  { rootNamespace, all }: { readonly rootNamespace: string; readonly all: readonly AdminVerb[] },
): readonly AdminGrant[] {
  if (administrator.kind === "local") return [{ verbs: all, namespace: rootNamespace }];
  const held = roles.filter(({ spec }) => spec.holders.some((holder) => isHolder(holder, administrator)));
  const byRoles = held.map(({ metadata, spec }) => ({ verbs: spec.verbs, namespace: metadata.namespace }));
  if (administrator.kind === "person") return byRoles;
  return [{ verbs: administrator.verbs, namespace: administrator.namespace }, ...byRoles];
}

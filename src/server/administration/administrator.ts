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
  }
}

function isHolder(holder: AdminHolder, administrator: Administrator): boolean {
  if (holder.kind !== "api-token" || administrator.kind !== "api-token") return false;
  return administrator.namespace === holder.namespace && administrator.name === holder.name;
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
  return [{ verbs: administrator.verbs, namespace: administrator.namespace }, ...byRoles];
}

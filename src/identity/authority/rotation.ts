/** Cross-over of signing keys: which step comes next, from what the members of the trust domain hold. Pure. */
import type { AuthoritySlot, RootSlot } from "./journal.ts";

/** Every signing key of a trust domain. */
export interface AuthorityKeys {
  /** The oldest first. */
  readonly roots: readonly RootSlot[];
  readonly slots: readonly AuthoritySlot[];
}

/** What those who hold a valid SVID of the domain have in force. */
export interface MemberState {
  /** Whether each trusts everything that the newest bundle holds. */
  readonly isConfirmedByAll: boolean;
  /** Ids of the issuing keys under whose SVIDs anyone still is. */
  readonly issuersInUse: ReadonlySet<string>;
}

export type RotationStep =
  | { readonly step: "activate" | "remove"; readonly slot: string }
  | { readonly step: "remove-root"; readonly root: string };

/**
 * The next step of a rotation that is under way; undefined when there is none or it has to wait. A prepared key signs once everyone trusts
 * it. A key that signs no more goes once nobody shows its SVIDs, and its root after it.
 */
export function nextRotationStep({ roots, slots }: AuthorityKeys, members: MemberState): RotationStep | undefined {
  const prepared = slots.findLast((each) => each.status === "prepared");
  if (prepared !== undefined) return members.isConfirmedByAll ? { step: "activate", slot: prepared.id } : undefined;
  const unused = slots.find((each) => each.status === "old" && !members.issuersInUse.has(each.id));
  if (unused !== undefined) return { step: "remove", slot: unused.id };
  const bare = roots.slice(0, -1).find(({ id }) => slots.every((each) => each.root !== id));
  return bare === undefined ? undefined : { step: "remove-root", root: bare.id };
}

/** Where the keys of a domain are. */
export type RotationPhase =
  /** One key signs and is the only one that is trusted. */
  | "settled"
  /** A newer one is being made known. */
  | "spreading"
  /** The newer one signs; SVIDs of the older are being replaced. */
  | "renewing";

export function rotationPhase({ roots, slots }: AuthorityKeys): RotationPhase {
  if (slots.some((each) => each.status === "prepared")) return "spreading";
  return slots.length > 1 || roots.length > 1 ? "renewing" : "settled";
}

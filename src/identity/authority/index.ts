/** The certificate authority of a trust domain: keys in slots, a journal, and SVIDs. The only room that can sign. */
export { type Authority, type AuthorityOptions, openAuthority } from "./authority.ts";
export type { IssuedSvid } from "./issuing.ts";
export type { AuthoritySlot, RootSlot, SlotStatus } from "./journal.ts";
export type { IssuedJwt, JwtGrantTerms } from "./jwt-keys.ts";
export { type MemberState, type RotationPhase, type RotationStep, rotationPhase } from "./rotation.ts";
export type { UpstreamAuthority, UpstreamCertificate } from "./upstream.ts";
export { type UpstreamFilesOptions, upstreamFiles } from "./upstream-files.ts";

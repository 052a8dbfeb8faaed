/** The certificate authority of a trust domain: keys in slots, a journal, and SVIDs. The only room that can sign. */
export { type Authority, type AuthorityOptions, type IssuedSvid, openAuthority } from "./authority.ts";
export type { AuthoritySlot, SlotStatus } from "./journal.ts";

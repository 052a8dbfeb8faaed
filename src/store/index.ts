/** Where the server keeps what must survive it: resources with revisions, history and audit, and small documents of its own. */
export { DocumentStore } from "./document-store.ts";
export { type PlannedChange, refOf } from "./plan-change.ts";
export { type Applied, type Change, ResourceStore } from "./resource-store.ts";

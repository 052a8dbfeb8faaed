/** Where the server keeps what must survive it: resources with revisions, history and audit, and small documents of its own. */
export { DocumentStore } from "./document-store.ts";
export { type ChangeAction, type PlannedChange, refKey, refOf } from "./plan-change.ts";
export {
  type Applied,
  type ApplyOptions,
  type AuditLine,
  type Change,
  type ChangeQuery,
  ResourceStore,
  type ResourceStoreOptions,
} from "./resource-store.ts";

/**
 * Policies written for other systems, never weaker than they are here, with a note for each rule that is not the same there. Knows the mesh
 * only as facts that are handed in; agents do not load it.
 */
export type {
  ExportedWorkload,
  ExportFacts,
  ExportNote,
  ExportTarget,
  Written,
} from "./export.ts";
export { exportFor } from "./targets.ts";

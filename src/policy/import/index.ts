/** Policies of other systems, as their clusters give them out, as resources of the mesh. Knows YAML only as values. */
export { type ImportedObjects, type ImportNote, importObjects } from "./import-objects.ts";

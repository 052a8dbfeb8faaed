/** Resources as users write them: YAML with file, line and column in every failure, and back. */
export { durationMs, label, port } from "./fields.ts";
export { CLUSTER_SCOPED, KINDS } from "./kinds.ts";
export { nearestName } from "./nearest-name.ts";
export { parseManifests, readValues } from "./parse-manifest.ts";
export { schemaProblems } from "./schema-problems.ts";
export { type Path, placeOf, readSource, type Source, sourceValue, syntaxProblems } from "./source.ts";
export { manifestOf, writeManifests } from "./write-manifest.ts";

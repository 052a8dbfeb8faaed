/**
 * The rooms each room may enter; an edge that is not written here is a defect.
 *
 * A room is a folder of `src` with an `index.ts`, its door. Who may enter `engine` may enter each of its doors
 * (`engine/time`, `engine/sockets`, …), and the same holds for `wire`.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  "model/manifest": ["model"],
  engine: ["model"],
  wire: [],
  proto: [],
  telemetry: ["model"],
  identity: ["model"],
  policy: ["model", "identity"],
  routing: ["model"],
  mesh: ["model", "identity", "policy", "routing"],
  xds: ["model", "identity", "policy", "routing", "mesh", "proto"],
  diagnosis: ["model", "telemetry"],
  api: ["model", "model/manifest", "telemetry", "diagnosis"],
  "telemetry/record": ["telemetry", "engine"],
  store: ["model", "engine"],
  "telemetry/store": ["model", "telemetry", "store", "engine", "proto"],
  "identity/authority": ["identity", "model", "store", "engine"],
  "identity/attestation": ["identity", "model", "store", "engine"],
  discovery: ["model", "identity", "store", "engine", "wire"],
  "xds/server": ["xds", "mesh", "model", "identity", "engine", "proto"],
  "xds/client": ["xds", "model", "identity", "engine", "proto"],
  proxy: ["wire", "identity", "policy", "routing", "telemetry", "telemetry/record", "engine", "model"],
  supervisor: ["model", "model/manifest", "api", "engine"],
  agent: [
    "proxy",
    "xds",
    "xds/client",
    "identity",
    "identity/attestation",
    "policy",
    "telemetry",
    "telemetry/record",
    "discovery",
    "wire",
    "api",
    "engine",
    "model",
    "proto",
  ],
  server: [
    "model",
    "model/manifest",
    "engine",
    "wire",
    "proto",
    "telemetry",
    "telemetry/store",
    "identity",
    "identity/authority",
    "identity/attestation",
    "policy",
    "routing",
    "mesh",
    "xds",
    "xds/server",
    "diagnosis",
    "discovery",
    "store",
    "api",
  ],
  console: ["api", "model"],
  cli: ["api", "model", "model/manifest", "engine", "supervisor", "agent", "server"],
};

/** Rooms without sockets, files, clocks, waits or engine globals. */
export const PURE: readonly string[] = [
  "model",
  "model/manifest",
  "wire",
  "telemetry",
  "identity",
  "policy",
  "routing",
  "mesh",
  "xds",
  "diagnosis",
  "api",
];

/** Rooms whose doors are the facilities inside them; the folder itself has none. */
export const DOORLESS: readonly string[] = ["engine", "wire"];

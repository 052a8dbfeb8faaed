import manifest from "../../package.json" with { type: "json" };

/** Of the whole product: server, agents, gateway and command line are released together. */
export const VERSION: string = manifest.version;

/** The data plane of one workload, as a program: it wires, and decides nothing. */
export { Agent, type AgentOptions } from "./agent.ts";
export { type AgentBootstrap, parseBootstrap } from "./bootstrap.ts";
export { readTlsFiles } from "./tls-files.ts";

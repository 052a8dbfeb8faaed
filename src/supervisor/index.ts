/** Runs an application: the server, an agent before each program, and the programs, from one `heddle.yaml`. */
export type { Application } from "./application.ts";
export { ApplicationRun } from "./application-run.ts";
export { gatewayUrl } from "./plan.ts";
export { tryChosenPorts } from "./port-findings.ts";
export { readApplication } from "./read-application.ts";
export { findRunning } from "./running.ts";
export { consoleAddress, readServerAccess, type ServerAccess } from "./server-control.ts";
export { ServiceRun, type ServiceRunOptions } from "./service-run.ts";
export type { UnitEvent } from "./unit.ts";
export { View } from "./view.ts";

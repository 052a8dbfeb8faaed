/** Runs an application: the server, an agent before each program, and the programs, from one `heddle.yaml`. */
export type { Application, ApplicationGateway, ApplicationService } from "./application.ts";
export { ApplicationRun, type ApplicationRunOptions } from "./application-run.ts";
export { commandWords } from "./command-words.ts";
export { agentUnit, type UnitPlan } from "./plan.ts";
export { type PortFinding, tryChosenPorts } from "./port-findings.ts";
export { readApplication } from "./read-application.ts";
export { findRunning } from "./running.ts";
export { consoleAddress, readServerAccess, type ServerAccess } from "./server-control.ts";
export { ServiceRun, type ServiceRunOptions } from "./service-run.ts";
export type { Supervisor } from "./supervisor.ts";
export type { UnitEvent, UnitState } from "./unit.ts";
export { View, type ViewOptions } from "./view.ts";
export type { Workload } from "./workloads.ts";

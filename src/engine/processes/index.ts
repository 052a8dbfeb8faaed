/** The only door to processes: this one's arguments, environment and signals, and children that never outlive it. */
export type { Line } from "./lines.ts";
export { type ProcessFacts, processFacts, programHash, uptimeTicks } from "./process-facts.ts";
export {
  arguments_ as arguments,
  environment,
  isAlive,
  onExitSignal,
  processId,
  readStandardInput,
  selfCommand,
  setExitStatus,
  workingDirectory,
} from "./self.ts";
export {
  type ProcessExit,
  type RunningProcess,
  startProcess,
} from "./spawn.ts";

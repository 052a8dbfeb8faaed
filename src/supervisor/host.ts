import { privateFiles } from "#engine/private-files";
import { canConnect, httpStatus, isGrpcServing } from "#engine/probe";
import { environment, type Line, processFacts, type RunningProcess, startProcess } from "#engine/processes";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import type { Result } from "#model";
import type { Readiness, UnitPlan } from "./plan.ts";
import type { UnitEvent, UnitHost } from "./unit.ts";

export interface HostOptions {
  /** A fresh join token; agents need one at each start. */
  readonly joinToken: (identity: NonNullable<UnitPlan["identity"]>) => Promise<Result<string>>;
  readonly report: (event: UnitEvent) => void;
}

/** An answer below 400 is a yes. */
async function probe(readiness: Readiness, timeoutMs: number): Promise<boolean> {
  const { kind } = readiness;
  if (kind === "connect") return canConnect(readiness.address, readiness.port, timeoutMs);
  if (kind === "grpc") {
    const { address, port, service, isTls } = readiness;
    return isGrpcServing(address, port, { service, timeoutMs, isTls });
  }
  const status = await httpStatus(readiness.url, timeoutMs);
  return status !== undefined && status < 400;
}

async function launch(
  unit: UnitPlan,
  onLine: (line: Line) => void,
  joinToken: HostOptions["joinToken"],
): Promise<Result<RunningProcess>> {
  if (unit.file !== undefined) {
    const written = await privateFiles.write(unit.file.path, unit.file.text);
    if (!written.ok) return written;
  }
  const token = unit.identity === undefined ? undefined : await joinToken(unit.identity);
  if (token?.ok === false) return token;
  const started = await startProcess({
    command: unit.command,
    directory: unit.directory,
    environment: { ...environment(), ...unit.environment },
    output: "lines",
    ...(token === undefined ? {} : { input: `${token.value}\n` }),
    onLine,
  });
  if (started.ok && unit.processFile !== undefined) await nameProcess(unit.processFile, started.value.pid);
  return started;
}

/** By pid and start, so that a pid that is used again means nobody. One that ended at once is not named. */
async function nameProcess(path: string, pid: number): Promise<void> {
  const facts = await processFacts(pid);
  if (facts !== undefined) await privateFiles.write(path, `${pid} ${facts.startedTicks}\n`);
}

/** Real processes, sockets and time for the units of an application. */
export function systemHost({ joinToken, report }: HostOptions): UnitHost {
  return {
    launch: (unit, onLine) => launch(unit, onLine, joinToken),
    probe,
    report,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
  };
}

/** Who calls the Workload API: facts of the kernel about the process at the other end, gathered so that no other can slip in for it. */
import { readTextFile } from "#engine/folders";
import type { PeerCredentials } from "#engine/local-http2";
import { type ProcessFacts, processFacts, programHash, uptimeTicks } from "#engine/processes";
import { failure, problem, type Result, success } from "#model";
import { isSelected, type ProcessSelector } from "./selectors.ts";

/** A caller, as its connection was made. */
export interface Caller extends PeerCredentials {
  /** Clock ticks since the host was started, when the connection was seen. */
  readonly seenTicks: number;
}

/** The same process for as long as it lives. */
export interface KnownProcess {
  readonly pid: number;
  readonly startedTicks: number;
}

const ANCESTORS_MAX = 64;
/** The clock of starts and that of the connection are read one after the other. */
const SLACK_TICKS = 2;

export async function callerOf(credentials: PeerCredentials): Promise<Caller> {
  return { ...credentials, seenTicks: await uptimeTicks() };
}

/**
 * The process, if it may have the workload's identity. A pid tells nothing once its process has ended: one that was started after the
 * connection was made is another, and so is one whose start changed while it was looked at. Fails with `HDL_WORKLOAD_API_DENIED`.
 */
export async function attestCaller(
  caller: Caller,
  selectors: readonly ProcessSelector[],
): Promise<Result<KnownProcess>> {
  const before = await processFacts(caller.pid);
  if (before === undefined) return denied(caller, "it has ended");
  if (before.startedTicks > caller.seenTicks + SLACK_TICKS) return denied(caller, "its pid is another process's now");
  const wantsHash = selectors.some(({ sha256 }) => sha256 !== undefined);
  const sha256 = wantsHash ? await programHash(caller.pid) : undefined;
  const processFiles = await filesNaming(before, selectors);
  const { path, cgroups, startedTicks } = before;
  if (!(await isStillThere({ pid: caller.pid, startedTicks }))) return denied(caller, "it has ended");
  const { uid, gid } = caller;
  if (!isSelected({ uid, gid, path, cgroups, sha256, processFiles }, selectors))
    return denied(caller, `no selector of the workload meets it (${path})`);
  return success({ pid: caller.pid, startedTicks });
}

export async function isStillThere({ pid, startedTicks }: KnownProcess): Promise<boolean> {
  return (await processFacts(pid))?.startedTicks === startedTicks;
}

/** The files of selectors that name the process, or one that it descends from. */
async function filesNaming(process: ProcessFacts, selectors: readonly ProcessSelector[]): Promise<ReadonlySet<string>> {
  const files = selectors.flatMap(({ processFile }) => processFile ?? []);
  if (files.length === 0) return new Set();
  const lineage = await lineageOf(process);
  const named = await Promise.all(files.map(async (file) => [file, await readTextFile(file)] as const));
  return new Set(
    named
      .filter(([, text]) => text.ok && text.value !== undefined && lineage.has(text.value.trim()))
      .map(([file]) => file),
  );
}

/** `pid startedTicks` of the process and of all above it. */
async function lineageOf(process: ProcessFacts): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  let each: ProcessFacts | undefined = process;
  for (let depth = 0; each !== undefined && depth < ANCESTORS_MAX; depth++) {
    names.add(`${each.pid} ${each.startedTicks}`);
    each = each.parent > 0 ? await processFacts(each.parent) : undefined;
  }
  return names;
}

function denied({ pid, uid }: Caller, why: string): Result<never> {
  return failure(problem("HDL_WORKLOAD_API_DENIED", `Process ${pid} of uid ${uid} gets no identity: ${why}.`));
}

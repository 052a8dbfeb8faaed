/** Which processes may have the workload's identity. Pure. */

/** All that are given must hold; an empty one holds for nobody. */
export interface ProcessSelector {
  readonly uid?: number;
  readonly gid?: number;
  /** Of the program's file, as the kernel tells it. */
  readonly path?: string;
  /** Of the program's file, lower-case hexadecimal. */
  readonly sha256?: string;
  /** A control group that the process is in, or one below it. */
  readonly cgroup?: string;
  /** A file whose text is the pid of the process itself or of one that it descends from. */
  readonly processFile?: string;
}

/** What is known of a caller. */
export interface AttestedProcess {
  readonly uid: number;
  readonly gid: number;
  readonly path: string;
  readonly cgroups: readonly string[];
  /** Undefined when no selector asks for it, or it cannot be told. */
  readonly sha256: string | undefined;
  /** Files of selectors that name the process or an ancestor of it. */
  readonly processFiles: ReadonlySet<string>;
}

const CONDITIONS: {
  readonly [K in keyof ProcessSelector]-?: (asked: NonNullable<ProcessSelector[K]>, caller: AttestedProcess) => boolean;
} = {
  uid: (uid, caller) => uid === caller.uid,
  gid: (gid, caller) => gid === caller.gid,
  path: (path, caller) => path === caller.path,
  sha256: (sha256, caller) => sha256 === caller.sha256,
  cgroup: (cgroup, { cgroups }) => cgroups.some((each) => each === cgroup || each.startsWith(`${cgroup}/`)),
  processFile: (file, { processFiles }) => processFiles.has(file),
};

export function isSelected(caller: AttestedProcess, selectors: readonly ProcessSelector[]): boolean {
  return selectors.some((selector) => meets(caller, selector));
}

function meets(caller: AttestedProcess, selector: ProcessSelector): boolean {
  const asked = Object.entries(selector) as [keyof ProcessSelector, never][];
  return asked.length > 0 && asked.every(([name, value]) => CONDITIONS[name](value, caller));
}

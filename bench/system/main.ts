/** `npm run bench`: everything beside peers, on this machine, on loopback. */
import { describeMachine } from "../machine.ts";
import type { Options } from "../options.ts";
import type { CaseReport, Report } from "../report.ts";
import type { Case } from "./case.ts";
import { AWAITED, CASES } from "./cases.ts";
import { findProgram } from "./peer.ts";
import { HEDDLE, PEERS } from "./peers.ts";
import { findSaturation, onStage, type Present, runCase, type Stage, type Tell } from "./run.ts";

type Skipped = Report["skipped"][number];

const isChosen = (name: string, chosen: readonly string[]): boolean =>
  chosen.length === 0 || chosen.some((word) => name === word || name.startsWith(`${word}-`));

interface Company {
  readonly present: readonly Present[];
  readonly skipped: readonly Skipped[];
}

/** Who is here to be measured. */
async function gather(wanted: readonly string[]): Promise<Company> {
  const present: Present[] = [];
  const skipped: Skipped[] = [];
  for (const peer of PEERS) {
    if (peer !== HEDDLE && wanted.length > 0 && !wanted.includes(peer.name)) continue;
    const found = await peer.find();
    const { name, about, layer } = peer;
    if (found.kind === "found") present.push({ peer, about: { name, about, layer, version: found.version } });
    else skipped.push({ name, reason: found.reason });
  }
  return { present, skipped };
}

async function findTools(): Promise<Readonly<Record<string, string>>> {
  const wrk = await findProgram(["wrk", "-v"], /wrk \S*?([\d.]+)/);
  if (wrk.kind === "absent")
    throw new Error(`${wrk.reason}, and nothing can be measured without it: apt-get install wrk`);
  return { wrk: wrk.version };
}

async function runCases(stage: Stage, cases: readonly Case[]): Promise<readonly CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const each of cases) {
    stage.tell(`${each.name}: ${each.title}`);
    if (each.needsSaturation) await findSaturation(stage);
    reports.push(...(await runCase(stage, each)));
  }
  return reports;
}

/** Measures the chosen cases; the report has whatever was found, the unfavourable like the favourable. */
export async function runSystem(options: Options, tell: Tell): Promise<Report> {
  const cases = CASES.filter(({ name }) => isChosen(name, options.cases));
  const awaited = AWAITED.filter(({ name }) => isChosen(name, options.cases));
  if (cases.length + awaited.length === 0)
    throw new Error(`no case is called ${options.cases.join(" or ")}; see --list`);
  const { present, skipped } = await gather(options.peers);
  const left = [...skipped, ...awaited];
  for (const { name, reason } of left) tell(`skipped ${name}: ${reason}`);
  const startedAt = new Date().toISOString();
  const { rounds, roundSeconds, quick } = options;
  const pace = { rounds, roundSeconds, warmUpSeconds: quick ? 1 : 3 };
  const tools = await findTools();
  const reports = await onStage({ peers: present, pace, tell }, (stage) => runCases(stage, cases));
  return {
    startedAt,
    quick,
    rounds,
    roundSeconds,
    machine: describeMachine(),
    tools,
    peers: present.map(({ about }) => about),
    skipped: left,
    cases: reports,
  };
}

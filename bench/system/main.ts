/** `npm run bench`: everything beside peers, on this machine, on loopback. */
import { describeMachine } from "../machine.ts";
import type { Options } from "../options.ts";
import type { CaseReport, Report } from "../report.ts";
import type { Case } from "./case.ts";
import { CASES } from "./cases.ts";
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

interface Tools {
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: ReadonlyMap<string, string>;
}

async function findTools(): Promise<Tools> {
  const found = {
    nginx: await findProgram(["nginx", "-v"], /nginx\/(\S+)/),
    wrk: await findProgram(["wrk", "-v"], /wrk \S*?([\d.]+)/),
    h2load: await findProgram(["h2load", "--version"], /nghttp2\/(\S+)/),
  };
  const versions: Record<string, string> = {};
  const missing = new Map<string, string>();
  for (const [tool, each] of Object.entries(found)) {
    if (each.kind === "found") versions[tool] = each.version;
    else missing.set(tool, each.reason);
  }
  return { versions, missing };
}

/** Why a case cannot be measured here, or undefined. */
function obstacle({ carries, tools }: Case, { missing }: Tools): string | undefined {
  if (!HEDDLE.carries.includes(carries)) return "not supported yet by Heddle";
  return tools.map((tool) => missing.get(tool)).find((reason) => reason !== undefined);
}

/** The cases that were asked for and can be measured, and why the others cannot. */
function choose(names: readonly string[], tools: Tools) {
  const chosen = CASES.filter(({ name }) => isChosen(name, names));
  if (chosen.length === 0) throw new Error(`no case is called ${names.join(" or ")}; see --list`);
  const left = chosen.flatMap((each): readonly Skipped[] => {
    const reason = obstacle(each, tools);
    return reason === undefined ? [] : [{ name: each.name, reason }];
  });
  return { cases: chosen.filter((each) => obstacle(each, tools) === undefined), left };
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
  const tools = await findTools();
  const { cases, left } = choose(options.names, tools);
  const { present, skipped } = await gather(options.peers);
  for (const { name, reason } of [...skipped, ...left]) tell(`skipped ${name}: ${reason}`);
  const startedAt = new Date().toISOString();
  const { rounds, roundSeconds, quick } = options;
  const pace = { rounds, roundSeconds, warmUpSeconds: quick ? 2 : 3 };
  const reports = await onStage({ peers: present, pace, tell }, (stage) => runCases(stage, cases));
  return {
    startedAt,
    quick,
    rounds,
    roundSeconds,
    machine: describeMachine(),
    tools: tools.versions,
    peers: present.map(({ about }) => about),
    skipped: [...skipped, ...left],
    cases: reports,
  };
}

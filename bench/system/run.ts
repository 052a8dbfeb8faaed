/** Runs cases: the peers' pairs side by side, their turns interleaved, so that a change of the machine hits all alike. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaseReport, PeerAbout, Run } from "../report.ts";
import { median } from "../statistics.ts";
import { type App, startApp } from "./app.ts";
import type { Case, Measurement, Turn } from "./case.ts";
import { makeCertificates } from "./certificates.ts";
import { isInterrupted, stopAll } from "./children.ts";
import { CORE } from "./closed-loop-cases.ts";
import { caseReports, type Rounds } from "./medians.ts";
import { watchOthers } from "./noise.ts";
import type { Pair, Peer } from "./peer.ts";

export interface Present {
  readonly peer: Peer;
  readonly about: PeerAbout;
}

export interface Pace {
  readonly rounds: number;
  readonly roundSeconds: number;
  /** With the case's own load; three times as long as fast as it goes. */
  readonly warmUpSeconds: number;
}

/** What is told while it runs. */
export type Tell = (line: string) => void;

export interface Stage {
  readonly folder: string;
  readonly app: App;
  readonly peers: readonly Present[];
  readonly pace: Pace;
  readonly tell: Tell;
  /** Requests per second of each peer at saturation, once known. */
  readonly saturation: Map<string, number>;
}

/** Starts the app, does the work, and leaves no process and no file behind. */
export async function onStage<T>(
  settings: Pick<Stage, "peers" | "pace" | "tell">,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  try {
    const app = await startApp(folder);
    return await work({ ...settings, folder, app, saturation: new Map() });
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

function startPair({ folder, app }: Stage, { carries, size }: Case, { peer }: Present): Promise<Pair> {
  const appPort = carries === "grpc" ? app.grpcPort : app.port;
  return peer.start({ folder, carries, appPort, size, certificates: makeCertificates(folder) });
}

const turnOf = (stage: Stage, pair: Pair, seconds: number): Turn => ({
  pair,
  seconds,
  folder: stage.folder,
  slowestPerSecond: Math.min(...stage.saturation.values()),
});

/** Each round begins with another peer, so that none always comes after the same one. */
function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const start = by % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

interface Place {
  readonly present: Present;
  readonly pair: Pair;
}

/** A peer that cannot do a case at all fails it, and the others go on. */
function failedTurn(cause: unknown): Measurement {
  if (isInterrupted()) throw new Error("interrupted");
  const error = cause instanceof Error ? cause.message : String(cause);
  return { command: "", values: {}, raw: { error }, failed: 1 };
}

async function takeTurn(stage: Stage, each: Case, { present, pair }: Place): Promise<Run> {
  const turn = turnOf(stage, pair, stage.pace.roundSeconds);
  const { value, othersCores } = await watchOthers([...pair.pids, stage.app.server.pid], () =>
    each.measure(turn).catch(failedTurn),
  );
  if (value.raw["error"] !== undefined) stage.tell(`  ${present.about.name}: ${value.raw["error"]}`);
  return { round: 0, peer: present.about.name, othersCores, ...value };
}

async function freshTurn(stage: Stage, each: Case, present: Present): Promise<Run> {
  const pair = await startPair(stage, each, present);
  try {
    return await takeTurn(stage, each, { present, pair });
  } finally {
    await pair.stop();
  }
}

/** Cores that others may use during a turn before it is taken again. */
const OTHERS_CORES_MAX = 0.1;
const TRIES = 3;

/** Takes a turn until it is undisturbed, at most a few times; the quietest comes first. What it measured plays no part. */
async function quietTurn(takeOne: () => Promise<Run>): Promise<readonly [Run, ...Run[]]> {
  const tries: [Run, ...Run[]] = [await takeOne()];
  while (tries.length < TRIES && tries[0].othersCores > OTHERS_CORES_MAX) {
    tries.push(await takeOne());
    tries.sort((a, b) => a.othersCores - b.othersCores);
  }
  return tries;
}

/**
 * Starts every pair and warms it up: first as fast as it goes, since what compiles as it runs is not itself before it has run for a while,
 * then with the case's own load.
 */
async function startPairs(stage: Stage, each: Case): Promise<ReadonlyMap<Present, Pair>> {
  const pairs = new Map<Present, Pair>();
  for (const present of stage.peers) {
    const pair = await startPair(stage, each, present);
    pairs.set(present, pair);
    const { warmUpSeconds } = stage.pace;
    if (each.carries !== "grpc") await CORE.measure(turnOf(stage, pair, warmUpSeconds * 3)).catch(failedTurn);
    await each.measure(turnOf(stage, pair, warmUpSeconds)).catch(failedTurn);
  }
  return pairs;
}

async function runRounds(stage: Stage, each: Case): Promise<Rounds> {
  const pairs = each.startsFresh ? new Map<Present, Pair>() : await startPairs(stage, each);
  const runs: Run[] = [];
  const disturbed: Run[] = [];
  for (let round = 1; round <= stage.pace.rounds; round++) {
    for (const present of rotated(stage.peers, round - 1)) {
      const pair = pairs.get(present);
      const take = () =>
        pair === undefined ? freshTurn(stage, each, present) : takeTurn(stage, each, { present, pair });
      const [kept, ...others] = await quietTurn(take);
      runs.push({ ...kept, round });
      disturbed.push(...others.map((run) => ({ ...run, round })));
    }
    stage.tell(`  ${each.name}: round ${round} of ${stage.pace.rounds}`);
  }
  for (const pair of pairs.values()) await pair.stop();
  return { runs, disturbed };
}

/** Runs one case over all peers and gives a report for each of its metrics. */
export async function runCase(stage: Stage, each: Case): Promise<readonly CaseReport[]> {
  const peers = stage.peers.filter(({ peer }) => peer.carries.includes(each.carries));
  const rounds = await runRounds({ ...stage, peers }, each);
  if (each === CORE) noteSaturation(stage, rounds);
  return caseReports(each, rounds, peers);
}

function noteSaturation(stage: Stage, { runs }: Rounds): void {
  for (const { about } of stage.peers) {
    const own = runs.filter(({ peer }) => peer === about.name).map(({ values }) => values["throughput"] ?? 0);
    stage.saturation.set(about.name, median(own));
  }
}

/** Learns each peer's saturation when the core case was not asked for. */
export async function findSaturation(stage: Stage): Promise<void> {
  if (stage.saturation.size > 0) return;
  stage.tell("  looking for the saturation of each peer");
  noteSaturation(stage, await runRounds({ ...stage, pace: { ...stage.pace, rounds: 1 } }, CORE));
}

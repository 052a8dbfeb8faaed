/** Runs incidents one after the other in each application, and asks why during each. */
import type { Random } from "#engine/random";
import { seededRandom } from "../../test/fakes/random.ts";
import type { Experience } from "./crowd.ts";
import { type Incident, incidentsIn } from "./incidents.ts";
import { Lab } from "./lab.ts";
import { type Answer, areAllInThree, isFirstRight } from "./score.ts";
import { TOPOLOGIES } from "./topologies.ts";

export interface RunSettings {
  readonly seed: number;
  /** How many of each topology are pairs. */
  readonly pairs: number;
  /** Names of topologies; empty for all. */
  readonly topologies: readonly string[];
  /** Kinds of incidents; empty for all. */
  readonly kinds: readonly string[];
  readonly tell: (line: string) => void;
}

const WINDOW_MS = 8000;
/** The server leaves out the last moment, in which not everybody has reported yet. */
const SETTLED_MS = 2000;
const WARM_UP_MS = WINDOW_MS * 2;
/** After the end of an incident, so that the window of the next calm is free of it. */
const RECOVERY_MS = WINDOW_MS + 5000;
const CALM_MS = 3000;

export async function runIncidents(settings: RunSettings): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const chosen = TOPOLOGIES.filter(
    ({ name }) => settings.topologies.length === 0 || settings.topologies.includes(name),
  );
  for (const topology of chosen) {
    const random = seededRandom(settings.seed);
    const incidents = incidentsIn(topology, settings.pairs, random).filter(
      ({ kinds }) => settings.kinds.length === 0 || kinds.some((kind) => settings.kinds.includes(kind)),
    );
    if (incidents.length > 0) answers.push(...(await runTopology(incidents, random, settings)));
  }
  return answers;
}

async function runTopology(incidents: readonly Incident[], random: Random, { tell }: RunSettings): Promise<Answer[]> {
  const [first] = incidents;
  if (first === undefined) return [];
  tell(`${first.topology.name}: starting`);
  const lab = await Lab.start(first.topology, random);
  try {
    await Bun.sleep(WARM_UP_MS);
    const answers: Answer[] = [];
    for (const incident of incidents) {
      const answer = await runIncident(lab, incident);
      answers.push(answer);
      tell(lineOf(answer));
      await Bun.sleep(RECOVERY_MS);
    }
    return answers;
  } finally {
    await lab.stop();
  }
}

async function runIncident(lab: Lab, incident: Incident): Promise<Answer> {
  lab.takeExperience();
  await Bun.sleep(CALM_MS);
  const [calm, before] = [await lab.why(WINDOW_MS), await lab.graph(WINDOW_MS)];
  const usual = lab.takeExperience();
  if (usual.failed * 2 > usual.asked) throw new Error(`before "${incident.name}" most requests failed already`);
  const heal = await lab.inflict(incident.effects);
  try {
    await Bun.sleep(WINDOW_MS + SETTLED_MS);
    const asked = performance.now();
    const why = await lab.why(WINDOW_MS);
    const answeredMs = performance.now() - asked;
    const callers = { before: usual, during: lab.takeExperience() };
    return { incident, calm, why, answeredMs, callers, before, during: await lab.graph(WINDOW_MS) };
  } finally {
    await heal();
  }
}

function lineOf(answer: Answer): string {
  const { incident, why, calm } = answer;
  const mark = isFirstRight(answer) ? (areAllInThree(answer) ? "✓" : "≈") : "✗";
  const named = why.culprits.map(({ hop, cause, share }) => `${hop} ${cause} ${Math.round(share * 100)} %`).join(", ");
  const truths = incident.truths.map(({ hop, cause }) => `${hop} ${cause}`).join(", ");
  const alarm =
    calm.status === "culprit" ? ` (in calm it blamed ${calm.culprits[0]?.hop} ${calm.culprits[0]?.cause})` : "";
  const { before, during } = answer.callers;
  const lived = `${before.meanMs.toFixed(0)} → ${during.meanMs.toFixed(0)} ms, ${share(before)} → ${share(during)} failed`;
  return `${mark} ${incident.name} (${lived}): ${named || why.status}${mark === "✓" ? "" : `; it was ${truths}`}${alarm}`;
}

const share = ({ asked, failed }: Experience): string => `${Math.round((failed / Math.max(1, asked)) * 100)} %`;

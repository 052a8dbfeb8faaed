/** `npm run bench -- diagnosis`: how often `why` names the right hop and cause. */
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.ts";
import { runIncidents } from "./run.ts";
import { scoreOf } from "./score.ts";

export async function diagnosis(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seed: { type: "string", default: "1" },
      pairs: { type: "string", default: "3" },
      topology: { type: "string", multiple: true, default: [] },
      kind: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
    },
  });
  const tell = (line: string): void => console.error(line);
  const settings = { seed: Number(values.seed), pairs: Number(values.pairs), tell };
  const answers = await runIncidents({ ...settings, topologies: values.topology, kinds: values.kind });
  const score = scoreOf(answers);
  const report = {
    machine: describeMachine(),
    seed: settings.seed,
    score,
    incidents: answers.map(({ incident, why, calm, answeredMs, callers }) => ({
      name: incident.name,
      truths: incident.truths,
      named: why.culprits.map(({ hop, cause, share, confidence }) => ({ hop, cause, share, confidence })),
      latency: why.latency,
      hops: why.hops,
      calm: calm.status,
      answeredMs,
      callers,
    })),
  };
  if (values.json !== undefined) await Bun.write(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  console.log(`
${score.incidents} incidents, seed ${settings.seed}
first culprit right           ${percent(score.first)}   (bound 90 %)
all within the first three    ${percent(score.inThree)}   (bound 97 %)
nobody blamed in calm         ${percent(score.calm)}   (bound 95 %)
by errors and latency         ${percent(score.byErrorsAndLatency)}   of hops, without a cause
nearest to the entry          ${percent(score.nearestToEntry)}   of hops, without a cause
slowest answer                ${score.slowestAnswerMs.toFixed(0)} ms`);
}

/**
 * Many agents in one process, each with its own certificate, listeners and stream of configuration. Reads a JSON array of
 * `{ bootstrap, joinToken }` from standard input; writes `ready` once all serve, and ends when it is killed.
 */
import { Agent, parseBootstrap } from "#agent";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { valueOrThrow } from "#model";

const specs = JSON.parse(await Bun.stdin.text()) as { readonly bootstrap: object; readonly joinToken: string }[];
const agents = specs.map(({ bootstrap, joinToken }) => {
  const parsed = valueOrThrow(parseBootstrap(JSON.stringify(bootstrap), "standard input"));
  return new Agent({
    bootstrap: parsed,
    joinToken: () => Promise.resolve(joinToken),
    version: "test",
    tls: { certificates: new Map(), appAuthoritiesPem: undefined },
    files: privateFiles,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    log: () => undefined,
  });
});
for (const started of await Promise.all(agents.map((each) => each.start()))) valueOrThrow(started);
process.stdout.write("ready\n");

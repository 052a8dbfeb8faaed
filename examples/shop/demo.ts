/** `npm start`: brings the shop up, shows it, and with `--for` tries everything that is said of it. */
import { arguments as commandLine, onExitSignal } from "#engine/processes";
import { standardError, standardOutput } from "#engine/terminal";
import { consoleAddress } from "#supervisor";
import { assess, type DemoReport, holds } from "./demo/assess.ts";
import { Observer } from "./demo/observer.ts";
import { type DemoOptions, readOptions, USAGE } from "./demo/options.ts";
import { intrude, type Scene, tryFault, tryFaults, watch } from "./demo/script.ts";
import { DemoFailure, FAULTS, Shop } from "./demo/shop.ts";

/** Between the end of the calm and the question about it, for the agents' last reports. */
const REPORT_LAG_MS = 2500;
const FIRST_STORY_AFTER_MS = 15_000;
const secondsSoFar = (): number => performance.now() / 1000;

async function prove(calmMs: number, scene: Scene): Promise<DemoReport> {
  const secondsToReady = secondsSoFar();
  const { shop, observer } = scene;
  const fromMs = Date.now();
  await watch(calmMs, scene);
  const toMs = Date.now();
  const attempts = await intrude(scene);
  await Bun.sleep(REPORT_LAG_MS);
  const calm = { graph: await observer.graph(Date.now() - fromMs), shopper: await shop.shopper(fromMs, toMs) };
  const workloads = await observer.workloads();
  const faults = await tryFaults(FAULTS, scene);
  return assess({
    secondsToReady,
    secondsInAll: secondsSoFar(),
    expectedEdges: shop.calls,
    calm,
    attempts,
    workloads,
    expectedWorkloads: shop.workloads,
    faults,
  });
}

function tellReport(report: DemoReport, say: (text: string) => void): void {
  for (const { name, ok, detail } of report.assertions) say(`${ok ? "✓" : "✗"} ${name}: ${detail}`);
}

/** Without `--for`: an encrypted call, a denied one and one fault within the first minute, then whatever the user likes. */
async function tellStory(scene: Scene, url: string): Promise<void> {
  const { observer, say, signal } = scene;
  say(`console: ${url}`);
  await watch(FIRST_STORY_AFTER_MS, scene);
  const { edges } = await observer.graph(FIRST_STORY_AFTER_MS);
  const encrypted = edges.filter(({ mtls }) => mtls);
  const denied = edges.find((edge) => edge.denied > 0);
  say(`encrypted: ${encrypted.length} of ${edges.length} edges are mutual TLS, proven by both ends`);
  if (denied !== undefined)
    say(`denied: ${denied.source} → ${denied.destination}, by ${denied.denyPolicies.join(", ")}`);
  const [first] = FAULTS;
  if (first !== undefined) await tryFault(first, scene);
  say("healed. Now you, in another terminal:");
  say("  node examples/shop/fault.js inventory-2 fail 1     then: node bin/heddle.js why shop/edge");
  say("  node examples/shop/fault.js lb slow 200            node examples/shop/fault.js heal");
  say("  the live map: node bin/heddle.js console          Ctrl-C stops everything");
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** Runs the demo to its end; resolves with the exit status. */
async function run(options: DemoOptions, stopping: AbortController): Promise<number> {
  const stream = options.isJson ? standardError() : standardOutput();
  const shop = await Shop.open({
    stream,
    isVerbose: options.isVerbose,
    onServer: ({ url }) => shop.view.headline(`console ${url}  ·  Ctrl-C stops`),
  });
  const say = (text: string): void => shop.view.say(text);
  const forget = onExitSignal(() => {
    if (stopping.signal.aborted) return shop.hurry();
    stopping.abort(new DemoFailure("stopped before its end"));
    say("stopping everything, in reverse order (Ctrl-C again hurries)");
    void shop.stop();
  });
  try {
    say("starting the shop: server, agents, services, load balancer, gateway, shopper");
    const access = await shop.start();
    const scene: Scene = { shop, observer: new Observer(access), say, signal: stopping.signal };
    say(`the shop is up after ${secondsSoFar().toFixed(1)} s`);
    if (options.calmMs === undefined) {
      await tellStory(scene, await consoleAddress(access));
      return 0;
    }
    const report = await prove(options.calmMs, scene);
    await shop.stop();
    tellReport(report, say);
    if (options.isJson) standardOutput().write(`${JSON.stringify(report, undefined, 2)}\n`);
    return holds(report) ? 0 : 1;
  } catch (error) {
    if (stopping.signal.aborted && options.calmMs === undefined) return 0;
    say(error instanceof DemoFailure ? error.message : `failed: ${String(error)}`);
    return 1;
  } finally {
    await shop.stop();
    forget();
  }
}

const options = readOptions(commandLine());
if (typeof options === "string") {
  standardError().write(`${options}\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await run(options, new AbortController());
}

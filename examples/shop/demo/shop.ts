/** The shop as a running application, and its shopper. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { selfCommand } from "#engine/processes";
import { type OutputStream, palette } from "#engine/terminal";
import { systemTimers } from "#engine/time";
import { formatProblem } from "#model";
import { type Application, ApplicationRun, readApplication, type ServerAccess, View } from "#supervisor";
import { writeFaults } from "../fault.js";
import type { HopCause } from "./assess.ts";
import type { Target } from "./intruder.ts";
import { type ShopperStats, type ShopperSummary, summarize } from "./shopper-stats.ts";

const DIRECTORY = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const TRAFFIC_WITHIN_MS = 20_000;
/** The shop is in its stride when the shopper saw no failure for so long. */
const STRIDE_MS = 3000;
const POLL_MS = 250;

/** Something that kept the demo from going on; its text is for people. */
export class DemoFailure extends Error {}

export interface ShopOptions {
  readonly stream: OutputStream;
  readonly isVerbose: boolean;
  readonly onServer: (access: ServerAccess) => void;
}

async function readShop(): Promise<Application> {
  const file = `${DIRECTORY}/heddle.yaml`;
  const read = readApplication(await readFile(file, "utf8"), file);
  if (!read.ok) throw new DemoFailure(read.problems.map(formatProblem).join("\n"));
  return read.value;
}

export class Shop {
  readonly application: Application;
  readonly view: View;
  readonly #run: ApplicationRun;

  private constructor(application: Application, options: ShopOptions) {
    this.application = application;
    this.view = new View({
      stream: options.stream,
      palette: palette(options.stream.isColoured),
      timers: systemTimers,
      title: application.name,
      isVerbose: options.isVerbose,
      isQuiet: !options.isVerbose,
    });
    this.#run = new ApplicationRun({
      application,
      directory: DIRECTORY,
      isKept: false,
      heddle: selfCommand(),
      onPlan: (units) => this.view.start(units),
      onEvent: (event) => this.view.onEvent(event),
      onServer: options.onServer,
    });
  }

  static async open(options: ShopOptions): Promise<Shop> {
    return new Shop(await readShop(), options);
  }

  /** Starts everything; resolves when the shopper is served without failures. */
  async start(): Promise<ServerAccess> {
    this.heal();
    const started = await this.#run.start();
    if (!started.ok) throw new DemoFailure(started.problems.map(formatProblem).join("\n"));
    await this.#untilInStride();
    return started.value;
  }

  async stop(): Promise<void> {
    await this.#run.stop();
    this.heal();
    this.view.stop();
  }

  hurry(): void {
    this.#run.hurry();
  }

  /** `namespace/instance` of every workload with an identity. */
  get workloads(): readonly string[] {
    return this.#run.placed.workloads.map(({ instance }) => `${this.application.namespace}/${instance}`);
  }

  /** Every call that the application declares. */
  get calls(): readonly { readonly source: string; readonly destination: string }[] {
    const { namespace, services, gateways } = this.application;
    const pairs = [
      ...services.flatMap(({ name, calls }) => calls.map((callee) => [name, callee])),
      ...gateways.map(({ name, to }) => [name, to]),
    ];
    return pairs.map(([source, destination]) => ({
      source: `${namespace}/${source}`,
      destination: `${namespace}/${destination}`,
    }));
  }

  /** The mesh port in front of a workload. */
  meshPort(instance: string): Target {
    const workload = this.#run.placed.workloads.find((each) => each.instance === instance);
    if (workload === undefined) throw new DemoFailure(`there is no workload ${instance}`);
    return { address: workload.place.address, port: workload.place.meshPort };
  }

  async shopper(fromMs: number, toMs: number): Promise<ShopperSummary> {
    return summarize(await this.#stats(), fromMs, toMs);
  }

  inject(name: string, fault: object): void {
    writeFaults({ [name]: fault });
  }

  heal(): void {
    writeFaults({});
  }

  async #stats(): Promise<ShopperStats> {
    const port = this.#run.placed.outsiders[0]?.appPort;
    const response = await fetch(`http://127.0.0.1:${port}/stats`, { signal: AbortSignal.timeout(5000) });
    return (await response.json()) as ShopperStats;
  }

  async #untilInStride(): Promise<void> {
    for (let waitedMs = 0; waitedMs < TRAFFIC_WITHIN_MS; waitedMs += POLL_MS) {
      await Bun.sleep(POLL_MS);
      const { requests, failed } = await this.shopper(Date.now() - STRIDE_MS, Date.now());
      if (waitedMs >= STRIDE_MS && requests > 20 && failed === 0) return;
    }
    const { failures } = await this.shopper(0, Date.now());
    const last = failures.at(-1);
    throw new DemoFailure(
      `the shopper is not served: ${last === undefined ? "no requests" : `${last.path}: ${last.error}`}`,
    );
  }
}

export interface Fault {
  readonly name: string;
  readonly fault: object;
  readonly injected: HopCause;
  readonly sentence: string;
}

/** The three faults of the demo, each of another kind. */
export const FAULTS: readonly Fault[] = [
  {
    name: "catalog",
    fault: { delayMs: 250 },
    injected: { hop: "shop/catalog", cause: "application" },
    sentence: "catalog takes 250 ms longer",
  },
  {
    name: "inventory-2",
    fault: { status: 500, share: 1 },
    injected: { hop: "inventory-2", cause: "bad-replica" },
    sentence: "one of two replicas of inventory fails",
  },
  {
    name: "lb",
    fault: { delayMs: 200 },
    injected: { hop: "shop/lb", cause: "load-balancer" },
    sentence: "the load balancer waits 200 ms",
  },
];

import { makePrivateFolder, removeEmptyFolder, removeFolder } from "#engine/folders";
import { environment, type ProcessExit, processId, type RunningProcess, startProcess } from "#engine/processes";
import { type AppProtocol, failure, problem, type Result, success } from "#model";
import type { Application, ApplicationService } from "./application.ts";
import { systemHost } from "./host.ts";
import { findPlaces } from "./placement.ts";
import { agentUnit, planUnits, type UnitPlan } from "./plan.ts";
import { findPreload } from "./preload.ts";
import { createJoinToken, type ServerAccess, serverOfJoinToken } from "./server-control.ts";
import { Unit, type UnitEvent } from "./unit.ts";

export interface ServiceRunOptions {
  readonly service: string;
  readonly namespace: string;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Where the program listens; undefined has a free port chosen and told in `PORT`. */
  readonly port: number | undefined;
  readonly calls: readonly string[];
  readonly readinessPath: string | undefined;
  /** Service that gRPC's health protocol is asked about; undefined: it is not asked. */
  readonly readinessGrpc: string | undefined;
  readonly protocol: AppProtocol;
  /** The server's listener for agents, as `host:port`; undefined takes the one that the join token names. */
  readonly agents: string | undefined;
  readonly access: ServerAccess;
  /** Where the program runs, absolute. */
  readonly directory: string;
  readonly heddle: readonly string[];
  readonly onEvent: (event: UnitEvent) => void;
}

const READY_WITHIN_MS = 30_000;
const STOP_GRACE_MS = 10_000;

function asApplication(options: ServiceRunOptions): Application {
  const service: ApplicationService = {
    name: options.service,
    command: options.command,
    directory: ".",
    replicas: 1,
    versions: [],
    port: options.port,
    calls: options.calls,
    after: [],
    role: "service",
    protocol: options.protocol,
    mesh: true,
    readiness: { path: options.readinessPath, grpc: options.readinessGrpc, withinMs: READY_WITHIN_MS },
    env: {},
  };
  const { service: name, namespace } = options;
  return { name, namespace, trustDomain: "", svidTtlMs: 0, resources: [], services: [service], gateways: [] };
}

/** One program with a sidecar of its own: the proxy first, the program when the proxy can serve it, and back in reverse. */
export class ServiceRun {
  readonly #options: ServiceRunOptions;
  readonly #root: string;
  readonly #stateDirectory: string;
  #agent: Unit | undefined;
  #app: RunningProcess | undefined;
  #isStopped = false;

  constructor(options: ServiceRunOptions) {
    this.#options = options;
    this.#root = `${options.directory}/.heddle`;
    this.#stateDirectory = `${this.#root}/run-${options.service}-${processId()}`;
  }

  /** Starts both; resolves with how the program ended, or with what kept it from starting. Call `stop` in either case. */
  async start(): Promise<Result<Promise<ProcessExit>>> {
    const planned = await this.#plan();
    if (!planned.ok) return planned;
    const { agent, app } = planned.value;
    const made = await makePrivateFolder(this.#stateDirectory);
    if (!made.ok) return made;
    const joinToken = (identity: NonNullable<UnitPlan["identity"]>): Promise<Result<string>> =>
      createJoinToken(this.#options.access, identity);
    this.#agent = new Unit(agent, systemHost({ joinToken, report: this.#options.onEvent }));
    if (this.#isStopped) return this.#interrupted();
    this.#agent.start();
    const late = await this.#agent.firstReady;
    if (late !== undefined) return failure(late);
    if (this.#isStopped) return this.#interrupted();
    return this.#startApp(app);
  }

  /** Passes a signal on to the program. */
  signal(name: NodeJS.Signals): void {
    this.#app?.signal(name);
  }

  /** Ends the program if it still runs, then its proxy, and removes what was written for them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#app?.stop(STOP_GRACE_MS);
    await this.#agent?.stop();
    await removeFolder(this.#stateDirectory);
    await removeEmptyFolder(this.#root);
  }

  #startApp(app: UnitPlan): Result<Promise<ProcessExit>> {
    const started = startProcess({
      command: this.#options.command,
      directory: this.#options.directory,
      environment: { ...environment(), ...app.environment },
      output: "terminal",
    });
    if (!started.ok) return started;
    this.#app = started.value;
    return success(started.value.exited);
  }

  async #plan(): Promise<Result<{ readonly agent: UnitPlan; readonly app: UnitPlan }>> {
    const { access, directory, heddle, service } = this.#options;
    const application = asApplication(this.#options);
    // Each run of one service has a place of its own, so that two runs from one folder are two replicas.
    const places = await findPlaces(application, `${directory}\n${service}\n${processId()}`);
    if (!places.ok) return places;
    const agents = await this.#agentsAddress();
    if (!agents.ok) return agents;
    const instance = `${service}-${processId()}`;
    const placed = { outsiders: [], workloads: places.value.workloads.map((each) => ({ ...each, instance })) };
    const server = { agents: agents.value, api: "", apiUrl: access.url };
    const stateDirectory = this.#stateDirectory;
    const preload = await findPreload();
    const units = planUnits({ application, placed, directory, stateDirectory, heddle, server, preload });
    const agent = units.find(({ id }) => id === agentUnit(instance));
    const app = units.find(({ id }) => id === instance);
    if (agent === undefined || app === undefined) return this.#interrupted();
    return success({ agent: { ...agent, after: [] }, app });
  }

  async #agentsAddress(): Promise<Result<string>> {
    const { access, agents, namespace, service } = this.#options;
    if (agents !== undefined) return success(agents);
    const token = await createJoinToken(access, { namespace, serviceAccount: service });
    if (!token.ok) return token;
    const named = serverOfJoinToken(token.value);
    if (named !== undefined) return success(named);
    return failure(
      problem("HDL_SUPERVISOR_SERVER", "the join token does not name a server; give `--agents host:port`"),
    );
  }

  #interrupted(): Result<never> {
    return failure(problem("HDL_SUPERVISOR_SERVER", `${this.#options.service} was stopped before it was started`));
  }
}

import { listFiles, makePrivateFolder, readTextFile, removeEmptyFolder, removeFolder } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { isAlive, processId } from "#engine/processes";
import { failure, type Problem, problem, type Result, success } from "#model";
import type { Application } from "./application.ts";
import { systemHost } from "./host.ts";
import { findPlaces, findServerPorts } from "./placement.ts";
import { planUnits, SERVER_UNIT, type UnitPlan } from "./plan.ts";
import { findPreload } from "./preload.ts";
import { applicationResources, type ResourceFile } from "./resources.ts";
import { announceRunning, withdrawRunning } from "./running.ts";
import { applyResources, createJoinToken, readServerAccess, type ServerAccess } from "./server-control.ts";
import { Supervisor } from "./supervisor.ts";
import type { UnitEvent } from "./unit.ts";
import { APP_ADDRESS, type Placed } from "./workloads.ts";

export interface ApplicationRunOptions {
  readonly application: Application;
  /** The project's folder, absolute. State is kept in its `.heddle`. */
  readonly directory: string;
  /** Keeps the state after the stop, and goes on with what an earlier run kept. */
  readonly isKept: boolean;
  /** Words that start Heddle itself. */
  readonly heddle: readonly string[];
  readonly onPlan: (units: readonly UnitPlan[]) => void;
  readonly onEvent: (event: UnitEvent) => void;
  /** The resources are applied and the console can be opened, before the services are up. */
  readonly onServer: (access: ServerAccess) => void;
}

/** Agents of one machine are started a few at a time: each is a program of its own that has to be loaded. */
const STARTING_MAX = 6;
const RESOURCE_ENDINGS = [".yaml", ".yml", ".json"];

/** One application from start to stop. Whatever it makes (processes, ports, files) is gone after `stop`. */
export class ApplicationRun {
  readonly #options: ApplicationRunOptions;
  readonly #root: string;
  readonly #stateDirectory: string;
  #supervisor: Supervisor | undefined;
  #access: ServerAccess | undefined;
  #placed: Placed = { workloads: [], outsiders: [] };
  #hasLock = false;
  #isStopped = false;

  constructor(options: ApplicationRunOptions) {
    this.#options = options;
    this.#root = `${options.directory}/.heddle`;
    this.#stateDirectory = `${this.#root}/${options.isKept ? "kept" : "run"}`;
  }

  /** Where everything is, once started. */
  get placed(): Placed {
    return this.#placed;
  }

  get supervisor(): Supervisor | undefined {
    return this.#supervisor;
  }

  get stateDirectory(): string {
    return this.#stateDirectory;
  }

  /** Resolves when every unit is ready, or with what is wrong; call `stop` in either case. */
  async start(): Promise<Result<ServerAccess>> {
    const locked = await this.#lock();
    if (!locked.ok) return locked;
    const planned = await this.#plan();
    if (!planned.ok) return planned;
    if (this.#isStopped) return this.#interrupted();
    const { units, files } = planned.value;
    this.#options.onPlan(units);
    this.#supervisor = new Supervisor({
      units,
      host: systemHost({ joinToken: (identity) => this.#joinToken(identity), report: this.#options.onEvent }),
      afterReady: (unit) => this.#afterReady(unit, files),
      startingMax: STARTING_MAX,
    });
    const stopped = await this.#supervisor.start();
    if (stopped !== undefined) return failure(stopped);
    return this.#isStopped || this.#access === undefined ? this.#interrupted() : success(this.#access);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#supervisor?.stop();
    if (!this.#hasLock) return;
    await withdrawRunning();
    this.#hasLock = false;
    await privateFiles.remove(this.#lockPath());
    if (!this.#options.isKept) await removeFolder(this.#stateDirectory);
    await removeEmptyFolder(this.#root);
  }

  /** Gives what is still running no more time for an orderly end. */
  hurry(): void {
    this.#supervisor?.hurry();
  }

  #lockPath(): string {
    return `${this.#root}/up.pid`;
  }

  async #lock(): Promise<Result<void>> {
    const held = await readTextFile(this.#lockPath());
    if (!held.ok) return held;
    const pid = Number.parseInt(held.value ?? "", 10);
    if (pid > 0 && pid !== processId() && isAlive(pid)) {
      const message = `${this.#options.application.name} is running already, as process ${pid} (${this.#lockPath()})`;
      return failure(problem("HDL_SUPERVISOR_RUNNING", message));
    }
    const written = await privateFiles.write(this.#lockPath(), `${processId()}\n`);
    if (!written.ok) return written;
    this.#hasLock = true;
    // An earlier run that was killed could not clean up behind itself.
    if (!this.#options.isKept) await removeFolder(this.#stateDirectory);
    return makePrivateFolder(this.#stateDirectory);
  }

  async #plan(): Promise<Result<{ readonly units: readonly UnitPlan[]; readonly files: readonly ResourceFile[] }>> {
    const { application, directory, heddle } = this.#options;
    const files = await this.#readResources();
    if (!files.ok) return files;
    const places = await findPlaces(application, directory);
    if (!places.ok) return places;
    const ports = await findServerPorts();
    if (!ports.ok) return ports;
    this.#placed = places.value;
    const api = `${APP_ADDRESS}:${ports.value.api}`;
    const server = { agents: `${APP_ADDRESS}:${ports.value.agents}`, api, apiUrl: `http://${api}` };
    const units = planUnits({
      application,
      placed: places.value,
      directory,
      stateDirectory: this.#stateDirectory,
      heddle,
      server,
      preload: await findPreload(),
    });
    return success({ units, files: files.value });
  }

  async #readResources(): Promise<Result<readonly ResourceFile[]>> {
    const { application, directory } = this.#options;
    const files: ResourceFile[] = [applicationResources(application)];
    for (const path of application.resources) {
      const listed = await listFiles(`${directory}/${path}`, RESOURCE_ENDINGS);
      if (!listed.ok) return listed;
      for (const file of listed.value) {
        const text = await readTextFile(file);
        if (!text.ok) return text;
        if (text.value !== undefined) files.push({ file: file.slice(directory.length + 1), text: text.value });
      }
    }
    return success(files);
  }

  async #joinToken(identity: NonNullable<UnitPlan["identity"]>): Promise<Result<string>> {
    return this.#access === undefined ? this.#interrupted() : createJoinToken(this.#access, identity);
  }

  async #afterReady(unit: UnitPlan, files: readonly ResourceFile[]): Promise<Problem | undefined> {
    if (unit.id !== SERVER_UNIT) return undefined;
    const access = await readServerAccess(`${this.#stateDirectory}/server`);
    if (!access.ok) return access.problems[0];
    this.#access = access.value;
    const applied = await applyResources(access.value, files);
    if (!applied.ok) return applied.problems[0];
    await announceRunning(`${this.#stateDirectory}/server`);
    this.#options.onServer(access.value);
    return undefined;
  }

  #interrupted(): Result<never> {
    return failure(problem("HDL_SUPERVISOR_SERVER", "it was stopped before it was ready"));
  }
}

/** A running application in which incidents are made and ended again. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GraphView, WhyView } from "#api";
import type { Random } from "#engine/random";
import { RunningMesh, temporaryFolder, until } from "../../test/fakes/running-mesh.ts";
import { writeApplication } from "./application.ts";
import { Crowd, type Experience } from "./crowd.ts";
import type { Effect } from "./incidents.ts";
import { NAMESPACE, type Topology } from "./topologies.ts";

const START_MS = 90_000;
const STALL = { stoppedMs: 120, runningMs: 30 } as const;
type Undo = () => void | Promise<void>;

export class Lab {
  readonly #mesh: RunningMesh;
  readonly #crowd: Crowd;

  private constructor(mesh: RunningMesh, crowd: Crowd) {
    this.#mesh = mesh;
    this.#crowd = crowd;
  }

  /** Starts everything and waits until the first requests are answered. */
  static async start(topology: Topology, random: Random): Promise<Lab> {
    const folder = temporaryFolder();
    const { url } = await writeApplication(topology, folder);
    const mesh = new RunningMesh(folder);
    try {
      const answers = async (): Promise<boolean> =>
        await fetch(`${url}/work`, { signal: AbortSignal.timeout(2000) }).then(
          (response) => response.ok,
          () => false,
        );
      await until(`${topology.name} answers`, answers, START_MS);
      return new Lab(mesh, new Crowd(url, topology.requestsPerSecond, random));
    } catch (cause) {
      const { output } = mesh;
      await mesh.remove();
      throw new Error(`${topology.name} did not start:\n${output.slice(-3000)}`, { cause });
    }
  }

  /** Makes the effects real; what it returns ends them. */
  async inflict(effects: readonly Effect[]): Promise<Undo> {
    const undo: Undo[] = [];
    const faults = Object.fromEntries(
      effects.flatMap((each) => (each.kind === "fault" ? [[each.name, each.fault] as const] : [])),
    );
    if (Object.keys(faults).length > 0) {
      this.#writeFaults(faults);
      undo.push(() => this.#writeFaults({}));
    }
    for (const effect of effects) undo.push(await this.#inflictOne(effect));
    return async () => {
      for (const each of undo) await each();
    };
  }

  async #inflictOne(effect: Effect): Promise<Undo> {
    switch (effect.kind) {
      case "fault":
        return () => undefined;
      case "traffic":
        this.#crowd.behave(effect.traffic);
        return () => this.#crowd.behave({});
      case "resource":
        return await this.#apply(effect.document);
      case "stall":
        return this.#stall(effect.instance);
    }
  }

  /** What the callers lived through since the call before. */
  takeExperience(): Experience {
    return this.#crowd.takeExperience();
  }

  why(windowMs: number): Promise<WhyView> {
    const seconds = `${Math.round(windowMs / 1000)}s`;
    return this.#mesh.api(`/api/v1/why?service=${NAMESPACE}/edge&window=${seconds}&baseline=${seconds}`);
  }

  graph(windowMs: number): Promise<GraphView> {
    return this.#mesh.api(`/api/v1/graph?window=${Math.round(windowMs / 1000)}s`);
  }

  async stop(): Promise<void> {
    this.#crowd.stop();
    await this.#mesh.stop();
    await this.#mesh.remove();
  }

  #writeFaults(faults: object): void {
    const file = join(this.#mesh.directory, "faults.json");
    writeFileSync(`${file}.new`, JSON.stringify(faults));
    renameSync(`${file}.new`, file);
  }

  /** A resource that was there before comes back afterwards; one that was not goes. */
  async #apply(document: object): Promise<Undo> {
    const { kind, metadata } = document as { readonly kind: string; readonly metadata: { readonly name: string } };
    const path = `/api/v1/resources/${kind}/${metadata.name}?namespace=${NAMESPACE}`;
    const before = await this.#request("GET", path);
    const apply = (text: string): Promise<void> =>
      this.#change("POST", "/api/v1/apply", { files: [{ file: "incident.yaml", text }] });
    await apply(JSON.stringify(document));
    if (!before.ok) return () => this.#change("DELETE", path);
    const { resource } = (await before.json()) as { readonly resource: object };
    return () => apply(JSON.stringify(resource));
  }

  async #request(method: string, path: string, body?: object): Promise<Response> {
    const { url, token } = this.#mesh.access();
    const authorization = { authorization: `Bearer ${token}` };
    if (body === undefined) return await fetch(url + path, { method, headers: authorization });
    const headers = { ...authorization, "content-type": "application/json" };
    return await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  }

  async #change(method: string, path: string, body?: object): Promise<void> {
    const answer = await this.#request(method, path, body);
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }

  #stall(instance: string): Undo {
    const agent = this.#mesh.processes().find(({ name }) => name === `agent ${instance}`);
    if (agent === undefined) throw new Error(`${instance} has no agent`);
    let isEnded = false;
    const run = async (): Promise<void> => {
      while (!isEnded) {
        process.kill(agent.pid, "SIGSTOP");
        await Bun.sleep(STALL.stoppedMs);
        process.kill(agent.pid, "SIGCONT");
        await Bun.sleep(STALL.runningMs);
      }
    };
    const stalling = run();
    return async () => {
      isEnded = true;
      await stalling;
    };
  }
}

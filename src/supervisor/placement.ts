import { portState } from "#engine/probe";
import { failure, problem, type Result, success } from "#model";
import type { Application } from "./application.ts";
import { type Layout, loopbackLayout, portBlockLayout, WORKLOADS_MAX } from "./layout.ts";
import { tryChosenPorts } from "./port-findings.ts";
import { APP_ADDRESS, appCount, listenersOf, type Placed, placeWorkloads } from "./workloads.ts";

const ATTEMPTS_MAX = 16;
const APP_PORTS_FIRST = 20_100;
const APP_PORTS_LAST = 20_999;
const API_PORTS = [7070, 7170, 7270, 7370, 7470] as const;

/** Free ports of 127.0.0.1, looked for from a place of the project's own so that they usually stay the same. */
async function freePorts(count: number, first: number, last: number): Promise<Result<readonly number[]>> {
  const ports: number[] = [];
  for (let port = first; ports.length < count; port++) {
    if (port > last) {
      return failure(
        problem("HDL_SUPERVISOR_NO_ADDRESS", `fewer than ${count} ports are free from ${first} to ${last}`),
      );
    }
    if ((await portState(APP_ADDRESS, port)) === "free") ports.push(port);
  }
  return success(ports);
}

async function isFree(placed: Placed, gateways: ReadonlySet<string>): Promise<boolean> {
  for (const { address, port } of listenersOf(placed)) {
    if (gateways.has(`${address}:${port}`)) continue;
    if ((await portState(address, port)) !== "free") return false;
  }
  return true;
}

const REASONS = {
  taken: "is taken",
  "no-such-address": "is not an address of this machine",
  "not-permitted": "needs more rights",
} as const;

/** A port that the user chose, and that nobody else can take the place of. */
async function checkChosenPorts(application: Application): Promise<Result<void>> {
  for (const { address, port, name, state } of await tryChosenPorts(application)) {
    if (state !== "free") {
      return failure(problem("HDL_ENGINE_PORT_IN_USE", `${name}: ${address}:${port} ${REASONS[state]}`));
    }
  }
  return success(undefined);
}

async function layouts(directory: string): Promise<readonly Layout[]> {
  const hasWholeLoopback = (await portState(loopbackLayout(directory, 0)(0).address, 0)) === "free";
  if (!hasWholeLoopback) return [portBlockLayout()];
  return Array.from({ length: ATTEMPTS_MAX }, (_, attempt) => loopbackLayout(directory, attempt));
}

/** Finds addresses and ports for every workload, none of them in use. */
export async function findPlaces(application: Application, directory: string): Promise<Result<Placed>> {
  const chosen = await checkChosenPorts(application);
  if (!chosen.ok) return chosen;
  const ports = await freePorts(appCount(application), APP_PORTS_FIRST, APP_PORTS_LAST);
  if (!ports.ok) return ports;
  const gateways = new Set(application.gateways.map(({ address, port }) => `${address}:${port}`));
  for (const layout of await layouts(directory)) {
    const placed = placeWorkloads(application, layout, ports.value);
    if (placed.workloads.length > WORKLOADS_MAX) {
      return failure(problem("HDL_SUPERVISOR_APPLICATION", `there are more than ${WORKLOADS_MAX} workloads`));
    }
    if (await isFree(placed, gateways)) return success(placed);
  }
  return failure(problem("HDL_SUPERVISOR_NO_ADDRESS", "every address that was tried is in use"));
}

/** Where the server listens: its usual ports, or the first free pair after them. */
export async function findServerPorts(): Promise<Result<{ readonly api: number; readonly agents: number }>> {
  for (const api of API_PORTS) {
    const [first, second] = await Promise.all([portState(APP_ADDRESS, api), portState(APP_ADDRESS, api + 1)]);
    if (first === "free" && second === "free") return success({ api, agents: api + 1 });
  }
  const tried = API_PORTS.join(", ");
  return failure(
    problem("HDL_ENGINE_PORT_IN_USE", `the ports ${tried} of ${APP_ADDRESS} and those after them are taken`),
  );
}

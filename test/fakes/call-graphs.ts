/**
 * Generated call graphs, and their traffic with known parents: fan-out, steps one after the other, loops, caches, retries, and calls that
 * nobody waits for. Seeded: the same seed gives the same graph and the same traffic.
 */
import { seededRandom } from "./random.ts";

export interface GraphCall {
  /** Index of the endpoint that is called, always behind the caller's. */
  readonly to: number;
  /** How often the answer is had without the call. */
  readonly cached: number;
  /** How often the call fails and is made again. */
  readonly retried: number;
}

export interface GraphEndpoint {
  readonly service: string;
  readonly path: string;
  /** One after the other; the calls of a step are made at once. */
  readonly steps: readonly (readonly GraphCall[])[];
  /** Made when the answer is, and not waited for. */
  readonly detached: readonly GraphCall[];
  /** Median of the program's own work before, between and after its steps, µs. */
  readonly workUs: number;
}

export interface CallGraph {
  readonly endpoints: readonly GraphEndpoint[];
  /** Endpoints that users ask. */
  readonly entries: readonly number[];
}

/** One call as the caller's and the callee's agent saw it. */
export interface GraphSpan {
  readonly id: number;
  /** The span of the request that it was made for; -1 for a user's. */
  readonly parent: number;
  readonly endpoint: number;
  /** The caller's side: from when the call was made to its answer, µs. */
  readonly startUs: number;
  readonly endUs: number;
  /** The callee's side. */
  readonly servedFromUs: number;
  readonly servedToUs: number;
}

type Draw = () => number;

const SERVICES = 8;
const ENDPOINTS_A_SERVICE = 2;

export function callGraph(seed: number): CallGraph {
  const draw = seededRandom(seed).next;
  const total = SERVICES * ENDPOINTS_A_SERVICE;
  const endpoints = Array.from({ length: total }, (_, index): GraphEndpoint => {
    const service = Math.floor(index / ENDPOINTS_A_SERVICE);
    const isLeaf = service >= SERVICES - 2;
    const stepCount = isLeaf ? 0 : 1 + Math.floor(draw() * 1.8);
    return {
      service: `s${service}`,
      path: `/e${index}`,
      steps: Array.from({ length: stepCount }, () => stepOf(draw, service)),
      detached: !isLeaf && draw() < 0.15 ? [callOf(draw, service)] : [],
      workUs: isLeaf ? 2000 + draw() * 6000 : 300 + draw() * 900,
    };
  });
  return { endpoints, entries: [0, 1] };
}

function stepOf(draw: Draw, service: number): readonly GraphCall[] {
  const fan = draw() < 0.75 ? 1 : 2 + Math.floor(draw() * 1.5);
  const calls = Array.from({ length: fan }, () => callOf(draw, service));
  // Calls of one kind that are made at once cannot be told apart by anybody but the program.
  return calls.filter(({ to }, place) => calls.findIndex((each) => each.to === to) === place);
}

function callOf(draw: Draw, service: number): GraphCall {
  const first = (service + 1) * ENDPOINTS_A_SERVICE;
  const left = SERVICES * ENDPOINTS_A_SERVICE - first;
  // Mostly the next few, so that graphs are deep.
  const to = first + Math.floor(draw() * Math.min(left, 7));
  return { to, cached: draw() < 0.3 ? draw() * 0.6 : 0, retried: draw() < 0.2 ? 0.05 : 0 };
}

export interface Traffic {
  /** Users at once, each asking again when it is answered. */
  readonly concurrency: number;
  readonly requests: number;
  readonly seed: number;
}

/** What the agents would have seen. Programs do not slow one another down. */
export function trafficOf(graph: CallGraph, { concurrency, requests, seed }: Traffic): readonly GraphSpan[] {
  const simulation = new Simulation(graph, seededRandom(seed).next);
  const users = new Float64Array(concurrency).map(() => simulation.exponential(20_000));
  for (let number = 0; number < requests; number++) {
    const user = users.indexOf(Math.min(...users));
    const entry = graph.entries[Math.floor(simulation.draw() * graph.entries.length)] ?? 0;
    users[user] = simulation.call(entry, -1, users[user] ?? 0) + simulation.exponential(2000);
  }
  return simulation.spans;
}

class Simulation {
  readonly spans: GraphSpan[] = [];
  readonly draw: Draw;
  readonly #graph: CallGraph;
  #next = 0;

  constructor(graph: CallGraph, draw: Draw) {
    this.#graph = graph;
    this.draw = draw;
  }

  exponential(meanUs: number): number {
    return -Math.log(1 - this.draw()) * meanUs;
  }

  /** Log-normal around a median: most are near it, some take several times as long. */
  #work(medianUs: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.draw())) * Math.cos(2 * Math.PI * this.draw());
    return medianUs * Math.exp(0.6 * normal);
  }

  #transit(): number {
    return 150 + this.exponential(80);
  }

  /** Makes a call, and all that are made for it; returns when its answer is there. */
  call(endpoint: number, parent: number, startUs: number): number {
    const { steps, detached, workUs } = this.#graph.endpoints[endpoint] as GraphEndpoint;
    const id = this.#next++;
    const servedFromUs = startUs + this.#transit();
    let nowUs = servedFromUs + this.#work(workUs);
    for (const step of steps) {
      // Calls that are made at once follow one another by what it takes to make one.
      const ends = step.map((call, place) => this.#perhaps(call, id, nowUs + place * (20 + this.exponential(30))));
      nowUs = Math.max(nowUs, ...ends) + this.#work(workUs);
    }
    for (const call of detached) this.#perhaps(call, id, nowUs - this.exponential(100));
    const endUs = nowUs + this.#transit();
    this.spans.push({ id, parent, endpoint, startUs, endUs, servedFromUs, servedToUs: nowUs });
    return endUs;
  }

  #perhaps({ to, cached, retried }: GraphCall, parent: number, startUs: number): number {
    if (this.draw() < cached) return startUs + 20;
    const endUs = this.call(to, parent, startUs);
    return this.draw() < retried ? this.call(to, parent, endUs + this.#work(3000)) : endUs;
  }
}

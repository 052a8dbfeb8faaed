/** Asks the server what it saw, over the same API that the console and the command line use. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface EdgeSeen {
  readonly source: string;
  readonly destination: string;
  readonly mtls: boolean;
  readonly requests: number;
  readonly successRate: number | null;
  readonly fromSource: Latency | null;
  readonly fromDestination: Latency | null;
  readonly denied: number;
  readonly denyPolicies: readonly string[];
}

export interface Graph {
  readonly nodes: readonly { readonly id: string; readonly role: string }[];
  readonly edges: readonly EdgeSeen[];
}

export interface Why {
  readonly status: "culprit" | "healthy" | "insufficient-data";
  readonly summary: string;
  readonly culprits: readonly {
    readonly hop: string;
    readonly cause: string;
    readonly summary: string;
    readonly evidence: readonly string[];
  }[];
}

export interface WorkloadSeen {
  readonly instance: string;
  readonly namespace: string;
  readonly rotations: number;
  readonly svidNotAfterMs: number;
}

const TIMEOUT_MS = 10_000;

export class Observer {
  readonly #url: string;
  readonly #token: string;

  constructor(access: { readonly url: string; readonly token: string }) {
    this.#url = access.url;
    this.#token = access.token;
  }

  graph(windowMs: number): Promise<Graph> {
    return this.#get(`/api/v1/graph?window=${Math.round(windowMs / 1000)}s`);
  }

  why(service: string, windowMs: number, baselineMs: number): Promise<Why> {
    const seconds = (ms: number): string => `${Math.round(ms / 1000)}s`;
    const query = new URLSearchParams({ service, window: seconds(windowMs), baseline: seconds(baselineMs) });
    return this.#get(`/api/v1/why?${query}`);
  }

  async workloads(): Promise<readonly WorkloadSeen[]> {
    const answer = await this.#get<{ workloads: readonly WorkloadSeen[] }>("/api/v1/workloads");
    return answer.workloads;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(this.#url + path, {
      headers: { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

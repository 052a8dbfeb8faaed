/** A server, agents and apps started one by one, without a supervisor: what is killed stays dead until it is started again. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { freePort, heddle, temporaryFolder, until, writeFiles } from "./running-mesh.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

export class Program {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #output = "";

  constructor(command: readonly string[], directory: string, input = "") {
    this.#child = Bun.spawn([...command], {
      cwd: directory,
      env: { ...process.env, HOME: directory, NO_COLOR: "1" },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#child.stdin.write(input);
    void this.#child.stdin.end();
    for (const stream of [this.#child.stdout, this.#child.stderr]) void this.#collect(stream);
  }

  get output(): string {
    return this.#output;
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<number> {
    this.#child.kill(signal);
    return await this.#child.exited;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}

export interface AgentSpec {
  readonly account: string;
  /** Number of the replica; 1 unless said otherwise. */
  readonly replica?: number;
  readonly address: string;
  readonly appPort?: number;
  readonly calls?: readonly { readonly service: string; readonly port: number }[];
  readonly keepKey?: boolean;
}

/** One server with short-lived certificates, and whatever is started beside it. */
export class LoneServer {
  readonly directory = temporaryFolder();
  readonly #programs: Program[] = [];
  readonly trustDomain: string;
  readonly #options: readonly string[];
  #api = "";
  #agents = "";

  /** `options` are further ones of `heddle server`. */
  constructor(trustDomain = "lone.example", options: readonly string[] = []) {
    this.trustDomain = trustDomain;
    this.#options = options;
  }

  async start(svidTtl: string): Promise<Program> {
    const resource = `apiVersion: heddle.dev/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: ${this.trustDomain}, svidTtl: ${svidTtl} }\n`;
    writeFiles(this.directory, { "mesh.yaml": resource });
    this.#api = `127.0.0.1:${await freePort()}`;
    this.#agents = `127.0.0.1:${await freePort()}`;
    const server = await this.startServer();
    const applied = await this.command("apply", "-f", "mesh.yaml");
    if (applied.status !== 0) throw new Error(applied.stderr);
    return server;
  }

  /** Starts the server again on the same data and addresses. */
  async startServer(): Promise<Program> {
    const where = ["--data", "data", "--api", this.#api, "--agents", this.#agents];
    const options = [...where, "--trust-domain", this.trustDomain, ...this.#options];
    const server = this.program([process.execPath, MAIN, "server", ...options]);
    await until("the server is ready", () => this.isReady(`http://${this.#api}/readyz`));
    return server;
  }

  program(command: readonly string[], input = ""): Program {
    const program = new Program(command, this.directory, input);
    this.#programs.push(program);
    return program;
  }

  /** Applies a text of resources. */
  async apply(text: string): Promise<void> {
    writeFiles(this.directory, { "applied.yaml": text });
    const applied = await this.command("apply", "-f", "applied.yaml");
    if (applied.status !== 0) throw new Error(applied.stderr);
  }

  command(...args: readonly string[]) {
    return heddle(this.directory, [...args, "--data", "data"]);
  }

  async token(account: string): Promise<string> {
    const made = await this.command("token", "create", "--workload", `small/${account}`);
    if (made.status !== 0) throw new Error(made.stderr);
    return made.stdout.trim();
  }

  /** The same without a process of its own. */
  async apiToken(account: string): Promise<string> {
    const body = { allowed: [{ namespace: "small", serviceAccount: account }] };
    return (await this.apiPost<{ token: string }>("/api/v1/tokens", body)).token;
  }

  /** The document that an agent is started by. */
  bootstrap(spec: AgentSpec) {
    const instance = `${spec.account}-${spec.replica ?? 1}`;
    return {
      server: this.#agents,
      namespace: "small",
      serviceAccount: spec.account,
      instance,
      service: `small/${spec.account}`,
      labels: { app: spec.account, "heddle.dev/service": spec.account },
      mode: spec.appPort === undefined ? "gateway" : "sidecar",
      mesh: { address: spec.address, port: 15008 },
      admin: { address: spec.address, port: 15020 },
      ...(spec.appPort === undefined ? {} : { app: { address: "127.0.0.1", port: spec.appPort } }),
      outbound: (spec.calls ?? []).map((call) => ({ ...call, address: spec.address })),
      stateDirectory: join(this.directory, "state", instance),
      keepKey: spec.keepKey === true,
    };
  }

  /** Starts an agent with the token given, which may be none. */
  agent(spec: AgentSpec, token: string): Program {
    const bootstrap = this.bootstrap(spec);
    const file = `${bootstrap.instance}.json`;
    writeFiles(this.directory, { [file]: JSON.stringify(bootstrap) });
    return this.program([process.execPath, MAIN, "agent", "--config", file], `${token}\n`);
  }

  isAgentReady({ address }: AgentSpec): Promise<boolean> {
    return this.isReady(`http://${address}:15020/readyz`);
  }

  async isReady(url: string): Promise<boolean> {
    return fetch(url, { signal: AbortSignal.timeout(1000) }).then(
      (response) => response.ok,
      () => false,
    );
  }

  api<T>(path: string): Promise<T> {
    return this.#ask<T>(path, {});
  }

  apiPost<T>(path: string, body: object): Promise<T> {
    const headers = { "content-type": "application/json" };
    return this.#ask<T>(path, { method: "POST", body: JSON.stringify(body), headers });
  }

  async #ask<T>(path: string, { headers, ...rest }: RequestInit & { headers?: Record<string, string> }): Promise<T> {
    const { token } = JSON.parse(await Bun.file(join(this.directory, "data/admin.json")).text()) as { token: string };
    const authorization = `Bearer ${token}`;
    const response = await fetch(`http://${this.#api}${path}`, { ...rest, headers: { ...headers, authorization } });
    return (await response.json()) as T;
  }

  /** Status of a GET that names another host. */
  async status(path: string, host: string): Promise<number> {
    return (await fetch(`http://${this.#api}${path}`, { headers: { host } })).status;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

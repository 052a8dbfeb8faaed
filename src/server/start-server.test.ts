import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failure, problem, type Result, success, valueOrThrow } from "#model";
import { TelemetryStore } from "#telemetry/store";
import { type RunningApi, type ServerOptions, type ServerStores, startServer, workloadViews } from "./index.ts";

let isClosed = false;

function stores(): ServerStores {
  isClosed = false;
  const held = new Map<string, unknown>();
  const telemetry = new TelemetryStore({ database: new Database(":memory:") });
  valueOrThrow(telemetry.open());
  return {
    documents: {
      put(collection, id, document) {
        held.set(`${collection}/${id}`, document);
        return Promise.resolve(success(undefined));
      },
      get: (collection, id) => Promise.resolve(success(held.get(`${collection}/${id}`))),
      take(collection, id) {
        const found = held.get(`${collection}/${id}`);
        held.delete(`${collection}/${id}`);
        return Promise.resolve(success(found));
      },
      list: (collection) =>
        Promise.resolve(success([...held].filter(([key]) => key.startsWith(`${collection}/`)).map(([, each]) => each))),
    },
    resources: { resources: () => [], onChange: () => () => undefined },
    telemetry,
    close() {
      isClosed = true;
    },
  };
}

async function inFolder(run: (options: ServerOptions) => Promise<void>): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "heddle-server-"));
  const api: RunningApi = { port: 7070, stop: () => Promise.resolve() };
  try {
    await run({
      dataDirectory,
      api: { address: "127.0.0.1", port: 0 },
      agents: { address: "127.0.0.1", port: 0 },
      trustDomain: "shop.example",
      stores: stores(),
      startApi: () => Promise.resolve(success(api)),
      listener: {
        onIssued: () => undefined,
        onTokenAudit: () => undefined,
        onNodeAudit: () => undefined,
        onRotation: () => undefined,
        onRefusal: () => undefined,
        onFailure: (failed) => expect(failed).toBeUndefined(),
      },
    });
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
}
const codeOf = (result: Result<unknown>) => (result.ok ? "ok" : result.problems[0].code);

test("a server starts with nothing and stops with everything closed", () =>
  inFolder(async (options) => {
    const server = valueOrThrow(await startServer(options));
    expect(server.agentsPort).toBeGreaterThan(0);
    const { registry, discovery } = server.plane;
    expect(workloadViews(registry, discovery)).toEqual([]);
    await server.stop();
    expect(isClosed).toBe(true);
  }));

test("a taken port is a problem, and nothing is left open", () =>
  inFolder(async (options) => {
    const first = valueOrThrow(await startServer(options));
    const agents = { address: "127.0.0.1", port: first.agentsPort };
    const second = { ...options, agents, dataDirectory: `${options.dataDirectory}/second`, stores: stores() };
    expect(codeOf(await startServer(second))).toBe("HDL_ENGINE_PORT_IN_USE");
    expect(isClosed).toBe(true);
    await first.stop();
  }));

test("a data directory in use is a problem", () =>
  inFolder(async (options) => {
    const first = valueOrThrow(await startServer(options));
    expect(codeOf(await startServer({ ...options, stores: stores() }))).toBe("HDL_ENGINE_FOLDER_IN_USE");
    await first.stop();
    const again = valueOrThrow(await startServer({ ...options, stores: stores() }));
    await again.stop();
  }));

test("a server whose API cannot start does not serve agents either", () =>
  inFolder(async (options) => {
    const taken = failure(problem("HDL_ENGINE_PORT_IN_USE", "taken"));
    expect(codeOf(await startServer({ ...options, startApi: () => Promise.resolve(taken) }))).toBe(
      "HDL_ENGINE_PORT_IN_USE",
    );
    expect(isClosed).toBe(true);
  }));

test("a malformed trust domain is refused", () =>
  inFolder(async (options) => {
    expect(codeOf(await startServer({ ...options, trustDomain: "Not one" }))).toBe("HDL_IDENTITY_TRUST_DOMAIN_INVALID");
  }));

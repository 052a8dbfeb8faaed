/** What `heddle check` looks at: the server, the clocks, the agents and certificates of the registry, tokens, and the ports of a heddle.yaml. */
import type { Command } from "commander";
import { readTextFile } from "#engine/folders";
import { setExitStatus } from "#engine/processes";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import { type Clock, systemClock } from "#engine/time";
import { type Problem, type ProblemCode, problem, type Result } from "#model";
import { readApplication, type ServerAccess, tryChosenPorts } from "#supervisor";
import {
  clockFinding,
  type Finding,
  type TokenFacts,
  tokenFindings,
  type WorkloadFacts,
  workloadFinding,
} from "./check-findings.ts";

import type { CommandContext } from "./context.ts";

const TIMEOUT_MS = 5000;
const DEFAULT_SVID_TTL_MS = 3_600_000;

export interface CheckOptions {
  /** The server and the right to ask it, or why there is none. */
  readonly access: Result<ServerAccess>;
  /** A heddle.yaml whose ports are tried, if there is one. */
  readonly file: string;
  readonly clock: Clock;
}

function broken(subject: string, found: Problem): Finding {
  return { state: "failure", subject, problem: found };
}

function fail(subject: string, code: ProblemCode, message: string): Finding {
  return broken(subject, problem(code, message));
}

async function ask<T>(access: ServerAccess, path: string): Promise<T | undefined> {
  try {
    const response = await fetch(access.url + path, {
      headers: { authorization: `Bearer ${access.token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}

async function serverFindings(access: ServerAccess, clock: Clock): Promise<readonly Finding[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${access.url}/readyz`, { signal }).catch(() => undefined);
  if (response === undefined) return [fail("server", "HDL_CHECK_SERVER_UNREACHABLE", `${access.url} does not answer`)];
  const dateMs = Date.parse(response.headers.get("date") ?? "");
  const clocks = Number.isNaN(dateMs) ? [] : [clockFinding(dateMs, clock.nowMs())];
  if (response.ok) return [{ state: "ok", subject: "server", text: `${access.url} is ready` }, ...clocks];
  const why = (await response.text()).slice(0, 200);
  return [fail("server", "HDL_CHECK_SERVER_UNREACHABLE", `${access.url} is not ready: ${why}`), ...clocks];
}

async function registryFindings(access: ServerAccess, clock: Clock): Promise<readonly Finding[]> {
  const registry = await ask<{ workloads: readonly WorkloadFacts[]; svidTtlMs?: number }>(access, "/api/v1/workloads");
  const tokens = await ask<{ tokens: readonly TokenFacts[] }>(access, "/api/v1/tokens");
  const ttlMs = registry?.svidTtlMs ?? DEFAULT_SVID_TTL_MS;
  const nowMs = clock.nowMs();
  return [
    ...(registry?.workloads ?? []).map((each) => workloadFinding(each, ttlMs, nowMs)),
    ...tokenFindings(tokens?.tokens ?? [], nowMs),
  ];
}

/** Ports are only in the way of an application that does not run; one that runs holds them itself. */
async function portFindings(file: string, isRunning: boolean): Promise<readonly Finding[]> {
  const text = await readTextFile(file);
  if (!text.ok) return [broken(file, text.problems[0])];
  if (text.value === undefined) return [];
  const read = readApplication(text.value, file);
  if (!read.ok) return read.problems.map((each) => broken(file, each));
  const ports = isRunning ? [] : await tryChosenPorts(read.value);
  return [
    { state: "ok", subject: file, text: `is an application of ${read.value.services.length} services` },
    ...ports.map(({ name, address, port, state }): Finding => {
      const where = `${address}:${port}`;
      if (state === "free") return { state: "ok", subject: name, text: `${where} is free` };
      return fail(name, "HDL_ENGINE_PORT_IN_USE", `${where} is ${state === "taken" ? "taken" : "not to be had"}`);
    }),
  ];
}

/** Looks at everything; what cannot be asked because the server is away is left out. */
export async function check({ access, file, clock }: CheckOptions): Promise<readonly Finding[]> {
  if (!access.ok) {
    const [first] = access.problems;
    return [fail("server", "HDL_CHECK_SERVER_UNREACHABLE", first.message), ...(await portFindings(file, false))];
  }
  const server = await serverFindings(access.value, clock);
  const isUp = server[0]?.state === "ok";
  const registry = isUp ? await registryFindings(access.value, clock) : [];
  return [...server, ...registry, ...(await portFindings(file, isUp))];
}

function line(finding: Finding, colours: Palette): string {
  if (finding.state === "ok") return `${colours.green("✓")} ${finding.subject}: ${finding.text}`;
  const mark = finding.state === "warning" ? colours.yellow("!") : colours.red("✗");
  const { code, message, next } = finding.problem;
  return `${mark} ${finding.subject}: ${message} [${code}]\n  → ${next}`;
}

function print(findings: readonly Finding[], context: CommandContext): void {
  const colours = palette(standardOutput().isColoured);
  context.show({ findings }, () => `${findings.map((each) => line(each, colours)).join("\n")}\n`);
}

export function register(command: Command, context: CommandContext): void {
  command
    .option("-f, --file <path>", "a heddle.yaml whose ports are tried", "heddle.yaml")
    .action(async ({ file }: { readonly file: string }) => {
      const findings = await check({ access: await context.access(), file, clock: systemClock });
      print(findings, context);
      if (findings.some(({ state }) => state === "failure")) setExitStatus(1);
    });
}

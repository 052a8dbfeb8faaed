/** Programs of others' making on Node, as apps and clients of the mesh. */
import { stops } from "../fakes/proxy-pair.ts";

const path = (name: string): string => new URL(`programs/${name}`, import.meta.url).pathname;

/** Starts a server that prints its port; ended by `stopAll`. */
export async function startProgram(name: string, ...args: readonly string[]): Promise<number> {
  const child = Bun.spawn(["node", path(name), ...args], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  stops.push(async () => {
    child.kill();
    await child.exited;
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return Number(new TextDecoder().decode(value).trim());
}

/** Runs a client against a port; what it says of each of its cases. */
export async function outcomeOf(
  name: string,
  port: number,
  ...args: readonly string[]
): Promise<Record<string, string>> {
  const child = Bun.spawn(["node", path(name), String(port), ...args], { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  return JSON.parse(text);
}

/** The cases that did not pass, with what was wrong. */
export function failuresIn(outcome: Record<string, string>): readonly (readonly [string, string])[] {
  return Object.entries(outcome).filter(([, result]) => result !== "passed");
}

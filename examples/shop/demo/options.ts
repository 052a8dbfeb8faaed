import { parseArgs } from "node:util";

export interface DemoOptions {
  /** How long the calm is watched before the faults; undefined runs until Ctrl-C. */
  readonly calmMs: number | undefined;
  /** Ends with one JSON document on standard output; all else goes to standard error. */
  readonly isJson: boolean;
  readonly isVerbose: boolean;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000 };
/** Shorter than this no certificate would have been rotated. */
const CALM_MIN_MS = 15_000;

export const USAGE = `usage: npm start [-- --for 30s] [--json] [--verbose]
  without --for   the shop runs until Ctrl-C
  --for 30s       watch that long in calm, then inject three faults, ask \`why\` each time, and end
  --json          end with one JSON document on standard output`;

/** The options, or what is wrong with them. */
export function readOptions(args: readonly string[]): DemoOptions | string {
  let values: { for?: string; json?: boolean; verbose?: boolean };
  try {
    const options = { for: { type: "string" }, json: { type: "boolean" }, verbose: { type: "boolean" } } as const;
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const isJson = values.json === true;
  const wanted = values.for ?? (isJson ? "30s" : undefined);
  const isVerbose = values.verbose === true;
  if (wanted === undefined) return { calmMs: undefined, isJson, isVerbose };
  const [, amount, unit] = /^(\d+)(s|m)$/.exec(wanted) ?? [];
  const calmMs = Number(amount) * (UNITS_MS[unit ?? ""] ?? Number.NaN);
  if (Number.isNaN(calmMs)) return `--for must be a duration such as 30s, not ${wanted}`;
  if (calmMs < CALM_MIN_MS)
    return `--for must be at least ${CALM_MIN_MS / 1000}s: certificates live 20 s here and are to be seen rotating`;
  return { calmMs, isJson, isVerbose };
}

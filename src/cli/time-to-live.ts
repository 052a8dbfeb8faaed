import { failure, problem, type Result, success } from "#model";

const UNITS_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `30m`, `12h`, `7d`, as `--ttl` takes them. */
export function readTtl(text: string): Result<number> {
  const [, amount, unit = ""] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return success(Number(amount) * (UNITS_S[unit] ?? 1));
  return failure(problem("HDL_CLI_ARGUMENT", `--ttl must be such as 30m, not \`${text}\``));
}

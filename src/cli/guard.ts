/** Options of commands that change resources: hold the change against the traffic that was seen. */
import { Option } from "commander";

export interface GuardOptions {
  readonly guard?: true;
  readonly since: string;
  readonly allowDenials?: true;
  readonly allowUndecided?: true;
}

export const SINCE = new Option("--since <duration>", "how far back to look, such as 30m, 6h or 7d").default("7d");

export const GUARD_OPTIONS: readonly Option[] = [
  new Option("--guard", "refuse what would newly deny requests that were seen"),
  SINCE,
  new Option("--allow-denials", "with --guard: change it all the same"),
  new Option("--allow-undecided", "with --guard: let through what cannot be known from what was recorded"),
];

/** What the server is asked to guard; undefined for nothing. */
export function guardOf({ guard, since, allowDenials, allowUndecided }: GuardOptions) {
  if (guard === undefined || allowDenials === true) return undefined;
  return { since, allow: allowUndecided === true ? ("undecided" as const) : ("nothing" as const) };
}

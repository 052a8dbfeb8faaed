import { stringify } from "yaml";
import { setExitStatus } from "#engine/processes";
import { standardError, standardOutput } from "#engine/terminal";
import { type Failure, formatProblems, type Result } from "#model";
import type { ServerAccess } from "#supervisor";
import { findServer } from "./credentials.ts";

export type OutputFormat = "table" | "json" | "yaml";

/** What every command is given. */
export interface CommandContext {
  /** The server and the right to use it, by the options that all commands share. */
  access(): Promise<Result<ServerAccess>>;
  /** What was said of the server and the output. */
  shared(): SharedOptions;
  format(): OutputFormat;
  /** Writes an answer: as JSON or YAML where that was asked for, else as it is drawn for people. */
  show(answer: unknown, draw: () => string): void;
  /** Writes to standard output. */
  print(text: string): void;
  /** Tells on standard error what is wrong and what to do, and makes the command end with status 1. */
  fail(failed: Failure): void;
}

/** Options that stand before or after any command's own. */
export interface SharedOptions {
  readonly output?: OutputFormat;
  readonly json?: true;
  readonly data?: string;
  readonly server?: string;
  readonly tokenFile?: string;
}

export function commandContext(shared: () => SharedOptions): CommandContext {
  const format = (): OutputFormat => {
    const { output, json } = shared();
    return output ?? (json === true ? "json" : "table");
  };
  const print = (text: string): void => standardOutput().write(text);
  return {
    access: () => findServer(shared()),
    shared,
    format,
    print,
    show: (answer, draw) => print(render(answer, draw, format())),
    fail(failed) {
      standardError().write(`${formatProblems(failed.problems)}\n`);
      setExitStatus(1);
    },
  };
}

/** An answer in the format that was asked for. */
export function render(answer: unknown, draw: () => string, format: OutputFormat): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    case "yaml":
      return stringify(answer);
    case "table":
      return draw();
  }
}

/** `heddle policy`: what policies decide, and why. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { registerExplain } from "./policy-explain.ts";
import { registerExport, registerImport } from "./policy-export.ts";
import { registerLint } from "./policy-lint.ts";
import { registerMatrix } from "./policy-matrix.ts";
import { registerModes } from "./policy-mode.ts";
import { registerSimulate } from "./policy-simulate.ts";
import { registerSuggest } from "./policy-suggest.ts";

export function register(command: Command, context: CommandContext): void {
  registerExplain(command, context);
  registerLint(command, context);
  registerMatrix(command, context);
  registerSimulate(command, context);
  registerModes(command, context);
  registerExport(command, context);
  registerImport(command, context);
  registerSuggest(command, context);
}

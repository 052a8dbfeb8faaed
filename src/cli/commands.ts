import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

/** What a command's file exports. */
export interface CommandModule {
  /** Adds arguments, options and the action. */
  register(command: Command, context: CommandContext): void;
}

interface CommandRow {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** Every command, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  up: { summary: "run the application of a heddle.yaml, meshed, until Ctrl-C", load: () => import("./up.ts") },
  run: { summary: "run one program with a sidecar of its own", load: () => import("./run.ts") },
  why: { summary: "say where a service's bad experience comes from", load: () => import("./why.ts") },
  stat: { summary: "show who calls whom, how much and how well", load: () => import("./stat.ts") },
  tap: { summary: "show requests as they pass", load: () => import("./tap.ts") },
  trace: { summary: "show one request through the mesh, or list them", load: () => import("./trace.ts") },
  policy: { summary: "say what policies decide, and why", load: () => import("./policy.ts") },
  apply: { summary: "create and change resources, all or nothing", load: () => import("./apply.ts") },
  diff: { summary: "show what apply would change", load: () => import("./diff.ts") },
  edit: { summary: "change a resource in your editor", load: () => import("./edit.ts") },
  get: { summary: "show resources", load: () => import("./get.ts") },
  delete: { summary: "delete a resource", load: () => import("./delete.ts") },
  history: { summary: "show who changed what", load: () => import("./history.ts") },
  audit: { summary: "show what administrators did and were refused", load: () => import("./audit.ts") },
  token: { summary: "make, show and revoke join tokens", load: () => import("./token.ts") },
  ca: { summary: "show and rotate the authority's keys, revoke identities", load: () => import("./ca.ts") },
  "api-token": { summary: "make, show and revoke credentials for the API", load: () => import("./api-token.ts") },
  login: { summary: "log in by the identity provider", load: () => import("./login.ts") },
  logout: { summary: "end what `heddle login` began", load: () => import("./logout.ts") },
  whoami: { summary: "show who the server takes you for, and what you may do", load: () => import("./whoami.ts") },
  console: { summary: "print an address that opens the console", load: () => import("./console.ts") },
  server: { summary: "run the control plane by itself", load: () => import("./server.ts") },
  agent: { summary: "run the data plane of one workload", load: () => import("./agent.ts") },
  check: { summary: "look for the usual problems and say what to do", load: () => import("./check.ts") },
};

/** `heddle ca`: the certificate authority's keys, their rotation, and who is trusted no more. */
import type { Command } from "commander";
import type { AuthorityView } from "#api";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import { systemTimers } from "#engine/time";
import { failure, problem } from "#model";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

const LOOK_MS = 500;

export function register(command: Command, context: CommandContext): void {
  command
    .command("status")
    .description("show the keys that are trusted, and how far a rotation is")
    .action(async () => {
      const view = await ask<AuthorityView>(context, { path: "/api/v1/authority" });
      if (view !== undefined) context.show(view, () => drawAuthority(view, colours()));
    });
  command
    .command("bundle")
    .description("print the trust bundle, as other trust domains take it in")
    .action(async () => {
      const bundle = await ask<object>(context, { path: "/.well-known/spiffe-bundle" });
      if (bundle !== undefined) context.print(`${JSON.stringify(bundle)}\n`);
    });
  command
    .command("roots")
    .description("print the roots that are trusted (PEM), by which agents that join without a token know the server")
    .action(async () => {
      const view = await ask<AuthorityView>(context, { path: "/api/v1/authority" });
      if (view !== undefined) context.print(view.roots.map(({ certificate }) => certificate).join(""));
    });
  command
    .command("rotate")
    .description("replace the key that signs certificates, and wait until everyone has followed")
    .option("--root", "replace the root above it too")
    .option("--no-wait", "only begin; it goes on by itself")
    .option("--force", "take the next step of a rotation that waits, without those who have not confirmed it")
    .action((options: RotateOptions) => rotate(options, context));
  command
    .command("revoke")
    .description("trust a workload, or one of its replicas, no more: its connections end, and it has to join anew")
    .argument("<workload>", "namespace/service-account")
    .option("--instance <name>", "only this replica")
    .action((workload: string, { instance }: { instance?: string }) => revoke(workload, instance, context));
}

type Federated = AuthorityView["federated"][number];

interface RotateOptions {
  readonly root?: boolean;
  readonly wait: boolean;
  readonly force?: boolean;
}

async function rotate({ root, wait, force }: RotateOptions, context: CommandContext): Promise<void> {
  const begin = { path: "/api/v1/authority/rotations", body: { what: root === true ? "root" : "issuing" } };
  const next = { path: "/api/v1/authority/rotations/force", body: {} };
  let view = await ask<AuthorityView>(context, { method: "POST", ...(force === true ? next : begin) });
  let told = "";
  while (view !== undefined && wait && view.phase !== "settled") {
    const line = progressOf(view);
    if (line !== told && context.format() === "table") context.print(`${line}\n`);
    told = line;
    await systemTimers.sleep(LOOK_MS);
    view = await ask<AuthorityView>(context, { path: "/api/v1/authority" });
  }
  const last = view;
  if (last !== undefined) context.show(last, () => drawAuthority(last, colours()));
}

async function revoke(workload: string, instance: string | undefined, context: CommandContext): Promise<void> {
  const [, namespace, serviceAccount] = /^([^/]+)\/([^/]+)$/.exec(workload) ?? [];
  if (namespace === undefined || serviceAccount === undefined)
    return context.fail(failure(problem("HDL_CLI_ARGUMENT", `\`${workload}\` is not namespace/service-account`)));
  const body = { namespace, serviceAccount, ...(instance === undefined ? {} : { instance }) };
  const view = await ask<AuthorityView>(context, { method: "POST", path: "/api/v1/authority/revocations", body });
  if (view === undefined) return;
  const who = instance === undefined ? workload : `${instance} of ${workload}`;
  context.show(view, () => `${who} is trusted no more; to come back it needs a new join token\n`);
}

function colours(): Palette {
  return palette(standardOutput().isColoured);
}

/** One line of a rotation that is under way. */
export function progressOf({ phase, members, isPublished }: AuthorityView): string {
  const { total, confirmed, renewed, unconfirmed, unrenewed } = members;
  if (phase === "spreading" && unconfirmed.length === 0 && !isPublished)
    return `${total} of ${total} trust the new key; other trust domains are given the time to learn of it`;
  if (phase === "spreading") return `${confirmed} of ${total} trust the new key${waiting(unconfirmed)}`;
  return `${renewed} of ${total} hold a certificate of the new key${waiting(unrenewed)}`;
}

function waiting(names: readonly string[]): string {
  return names.length === 0 ? "" : `; waiting for ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;
}

/** For people: each root with the issuing keys below it. */
export function drawAuthority(view: AuthorityView, { green, dim }: Palette): string {
  const { trustDomain, sequence, phase, roots, issuing, members, revocations, federated } = view;
  const until = (ms: number): string => `until ${new Date(ms).toISOString().slice(0, 10)}`;
  const tree = roots.flatMap((root) => [
    `root ${root.id}  ${until(root.notAfterMs)}  ${dim(`sha256 ${root.hash.slice(0, 16)}…`)}`,
    ...issuing
      .filter((each) => each.root === root.id)
      .map(({ id, status, notAfterMs }) => {
        const word =
          status === "active" ? green("signs") : status === "prepared" ? "is made known" : "is being replaced";
        return `  issuing ${id}  ${until(notAfterMs)}  ${word}`;
      }),
  ]);
  const state = phase === "settled" ? `${members.total} hold a valid certificate` : progressOf(view);
  const revoked = revocations === 0 ? [] : [`${revocations} revocations in force`];
  const lines = [`${trustDomain}  bundle ${sequence}`, ...tree, state, ...revoked, ...federated.map(federatedLine)];
  return `${lines.join("\n")}\n`;
}

function federatedLine({ trustDomain, isKnown, sequence, fetchedAtMs, problem: why }: Federated): string {
  const known = isKnown ? `bundle ${sequence}` : "not known yet";
  const fetched = fetchedAtMs === 0 ? "" : `  fetched ${new Date(fetchedAtMs).toISOString()}`;
  return `federated ${trustDomain}  ${known}${fetched}${why === "" ? "" : `  ${why}`}`;
}

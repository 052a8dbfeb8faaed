/** `heddle audit`: every administrative action, refused ones too, and whether what is written of them is whole. */
import type { Command } from "commander";
import { type AuditView, auditSchema } from "#api";
import { sha256Hex } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import {
  AUDIT_KEPT_MIN,
  type AuditFault,
  type AuditHead,
  checkAuditChain,
  describeAuditFault,
  failure,
  formatAuditHead,
  type Problem,
  parseAuditHead,
  problem,
  type Result,
  success,
} from "#model";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

interface AuditCommandOptions {
  readonly limit: string;
  readonly all?: true;
}

interface VerifyOptions {
  readonly head?: readonly string[];
  readonly part?: true;
}

const PAGE = 1000;
/** A whole log has at most about 55,000 entries, mostly of some 400 bytes. */
const EXPORT_BYTES_MAX = 256 * 1024 * 1024;
const FAULTS_TOLD = 20;

function page(context: CommandContext, query: Readonly<Record<string, string>>): Promise<AuditView | undefined> {
  return ask<AuditView>(context, { path: `/api/v1/audit?${new URLSearchParams(query)}` });
}

/** The newest first; the head is the one that the first page told. */
async function wholeLog(context: CommandContext): Promise<AuditView | undefined> {
  const first = await page(context, { limit: String(PAGE), whole: "true" });
  if (first === undefined) return undefined;
  const entries = [...first.entries];
  for (let count = entries.length; count === PAGE; ) {
    const next = await page(context, { limit: String(PAGE), whole: "true", before: String(entries.at(-1)?.sequence) });
    if (next === undefined) return undefined;
    entries.push(...next.entries);
    count = next.entries.length;
  }
  return { entries, head: first.head };
}

async function list({ limit, all }: AuditCommandOptions, context: CommandContext): Promise<void> {
  const answer = all === true ? await wholeLog(context) : await page(context, { limit });
  if (answer === undefined) return;
  const lines = answer.entries.map(({ sequence, atMs, actor, action, detail }) => {
    const at = new Date(atMs).toISOString();
    return `${String(sequence).padStart(6)}  ${at}  ${actor.padEnd(8)}  ${action.padEnd(14)}  ${detail}\n`;
  });
  context.show(answer, () => lines.join(""));
}

async function readExport(file: string): Promise<Result<AuditView>> {
  const text = await readTextFile(file, EXPORT_BYTES_MAX);
  if (!text.ok) return text;
  if (text.value === undefined) return failure(problem("HDL_CLI_ARGUMENT", `there is no file ${file}`));
  try {
    return success(auditSchema.parse(JSON.parse(text.value)));
  } catch (cause) {
    const next = "Make one with `heddle audit --all --json > FILE`.";
    return failure(problem("HDL_CLI_ARGUMENT", `${file} is no exported audit log`, { next, cause }));
  }
}

function readHeads(texts: readonly string[]): Result<readonly AuditHead[]> {
  const heads = texts.map(parseAuditHead);
  const odd = heads.indexOf(undefined);
  if (odd < 0) return success(heads.filter((head) => head !== undefined));
  return failure(problem("HDL_CLI_ARGUMENT", `--head must be as it was printed, number:hash, not \`${texts[odd]}\``));
}

async function readLog(file: string | undefined, context: CommandContext): Promise<AuditView | undefined> {
  if (file === undefined) return wholeLog(context);
  const read = await readExport(file);
  if (read.ok) return read.value;
  context.fail(read);
  return undefined;
}

async function verify(file: string | undefined, options: VerifyOptions, context: CommandContext): Promise<void> {
  const kept = readHeads(options.head ?? []);
  if (!kept.ok) return context.fail(kept);
  const log = await readLog(file, context);
  if (log === undefined) return;
  const entries = log.entries.toReversed();
  const heads = [log.head, ...kept.value];
  const isPart = options.part === true;
  const faults = checkAuditChain(entries, { hash: sha256Hex, heads, isPart, keptMin: AUDIT_KEPT_MIN });
  const [first, last] = [entries[0]?.sequence ?? 0, entries.at(-1)?.sequence ?? 0];
  const told = faults.map((fault) => ({ ...fault, message: describeAuditFault(fault) }));
  const report = { isWhole: faults.length === 0, first, last, head: formatAuditHead(log.head), faults: told };
  context.show(report, () => (faults.length === 0 ? drawWhole(report) : ""));
  if (faults.length > 0) context.fail(broken(faults));
}

function drawWhole({ first, last, head }: { readonly first: number; readonly last: number; readonly head: string }) {
  const range = last === 0 ? "the audit log is empty" : `entries ${first} to ${last} are as they were written`;
  return `${range}\nhead ${head}\nKeep the head elsewhere: \`heddle audit verify --head HEAD\` then tells whether anything up to it was changed.\n`;
}

function broken(faults: readonly AuditFault[]): ReturnType<typeof failure> {
  const [first, ...rest] = faults.slice(0, FAULTS_TOLD).map((fault) => tell(describeAuditFault(fault)));
  const more = faults.length > FAULTS_TOLD ? [tell(`and ${faults.length - FAULTS_TOLD} more faults`)] : [];
  return failure(first ?? tell("it holds no entry"), ...rest, ...more);
}

function tell(message: string): Problem {
  return problem("HDL_AUDIT_BROKEN", message);
}

export function register(command: Command, context: CommandContext): void {
  command
    .option("--limit <number>", "how many entries, the newest first", "50")
    .option("--all", "every entry: with --json, an export that `verify` reads")
    .action((options: AuditCommandOptions) => list(options, context));
  command
    .command("verify")
    .description("say whether an entry was changed, removed, inserted or reordered, and which")
    .argument("[file]", "an export; the running server's log when left out")
    .option("--head <number:hash...>", "heads that were kept elsewhere, which the log must hold")
    .option("--part", "the export begins later than the log")
    .addHelpText("after", "\nThe exit status is 1 when the log is not as it was written.")
    .action((file: string | undefined, options: VerifyOptions) => verify(file, options, context));
}

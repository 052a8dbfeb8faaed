import type { UnitPlan } from "./plan.ts";

/** One line for people, and how much it matters. */
export interface LogLine {
  readonly text: string;
  readonly level: "debug" | "info" | "warn" | "error";
}

const PINO_WARN = 40;
const PINO_ERROR = 50;
const PINO_INFO = 30;
const QUIET_FIELDS = new Set(["level", "time", "pid", "hostname", "msg", "v", "name"]);

function levelOf(level: unknown): LogLine["level"] {
  if (typeof level === "string") return level === "warn" || level === "error" || level === "debug" ? level : "info";
  if (typeof level !== "number") return "info";
  if (level >= PINO_ERROR) return "error";
  if (level >= PINO_WARN) return "warn";
  return level >= PINO_INFO ? "info" : "debug";
}

function fieldText([name, value]: readonly [string, unknown]): string {
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}

/** Makes one line of a structured log readable; any other line stays as it is. */
export function readLogLine(text: string): LogLine {
  if (!text.startsWith("{")) return { text, level: "info" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { text, level: "info" };
  }
  if (typeof parsed !== "object" || parsed === null || !("msg" in parsed)) return { text, level: "info" };
  const fields = Object.entries(parsed).filter(([name]) => !QUIET_FIELDS.has(name));
  const message = [String(parsed.msg), ...fields.map(fieldText)].join(" ");
  return { text: message, level: levelOf("level" in parsed ? parsed.level : undefined) };
}

/** Whether a line is shown: apps always; Heddle's own parts when something is wrong, or when all was asked for. */
export function isShown(unit: UnitPlan, line: LogLine, isVerbose: boolean): boolean {
  return unit.kind === "app" || isVerbose || line.level === "warn" || line.level === "error";
}

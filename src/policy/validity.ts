/**
 * When rule sets are in force. The time is handed in.
 *
 * A policy that is not in force has no rules, and is still there: what it rejected passes, and what it alone allowed is denied. An Allow that
 * runs out must not open what it protected.
 */
import type { AccessSchedule } from "#model";
import type { RuleSet } from "./rule-set.ts";

/** When a policy is in force. */
export interface Validity {
  /** Milliseconds since the epoch from which on it is not; undefined for never. */
  readonly expiresAtMs: number | undefined;
  /** In force during any of these; empty for always. */
  readonly schedule: readonly AccessSchedule[];
}

export const ALWAYS: Validity = { expiresAtMs: undefined, schedule: [] };

export interface RuleSetsAt {
  /** The very list that was given when all of it is in force. */
  readonly ruleSets: readonly RuleSet[];
  /** When to ask again: nothing changes before. Infinity for never. */
  readonly untilMs: number;
}

/** The rule sets as they are at an instant. */
export function ruleSetsAt(ruleSets: readonly RuleSet[], nowMs: number): RuleSetsAt {
  const untilMs = ruleSets.reduce(
    (until, each) => Math.min(until, nextChangeMs(each.validity, nowMs)),
    Number.POSITIVE_INFINITY,
  );
  if (ruleSets.every(({ validity }) => isInForce(validity, nowMs))) return { ruleSets, untilMs };
  const held = ruleSets.map((each) => (isInForce(each.validity, nowMs) ? each : { ...each, rules: [] }));
  return { ruleSets: held, untilMs };
}

function isInForce({ expiresAtMs, schedule }: Validity, nowMs: number): boolean {
  if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return false;
  return schedule.length === 0 || schedule.some((each) => isOpen(each, nowMs));
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/** Clocks of the world are put forward and back at full and half hours. */
const CLOCK_CHANGE_MS = 30 * MINUTE_MS;

function nextChangeMs({ expiresAtMs, schedule }: Validity, nowMs: number): number {
  if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return Number.POSITIVE_INFINITY;
  const expiry = expiresAtMs ?? Number.POSITIVE_INFINITY;
  if (schedule.length === 0) return expiry;
  const minuteMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  const waits = schedule.flatMap(({ fromMinute, toMinute, timeZone }) => {
    const { minute } = localTime(nowMs, timeZone);
    return [fromMinute, toMinute].map((bound) => (bound - minute + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES);
  });
  const clockChangeMs = (Math.floor(nowMs / CLOCK_CHANGE_MS) + 1) * CLOCK_CHANGE_MS;
  return Math.min(expiry, clockChangeMs, minuteMs + Math.min(...waits) * MINUTE_MS);
}

/** A window that ends before it begins goes on into the next day. */
function isOpen({ days, fromMinute, toMinute, timeZone }: AccessSchedule, nowMs: number): boolean {
  const { day, minute } = localTime(nowMs, timeZone);
  const isOn = (each: number): boolean => days.length === 0 || days.includes(each);
  if (fromMinute < toMinute) return isOn(day) && minute >= fromMinute && minute < toMinute;
  return (isOn(day) && minute >= fromMinute) || (isOn((day + 6) % 7) && minute < toMinute);
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Day of the week, Sunday 0, and minute of the day, as the clocks of the zone show. */
function localTime(nowMs: number, timeZone: string): { readonly day: number; readonly minute: number } {
  const form = { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const parts = new Intl.DateTimeFormat("en-US", form).formatToParts(nowMs);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? "";
  return { day: DAYS.indexOf(part("weekday")), minute: Number(part("hour")) * 60 + Number(part("minute")) };
}

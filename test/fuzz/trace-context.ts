/** `traceparent`: read as the Recommendation says, letter by letter, or not at all. */
import { isDeepStrictEqual } from "node:util";
import { formatTraceparent, parseTraceparent, type TraceContext } from "#wire/trace-context";
import type { Chance } from "./chance.ts";
import { pureChecker, type Target } from "./target.ts";

export const traceparents: Target = {
  name: "traceparent",
  share: 0.5,
  make: (chance) => {
    const version = chance.mostly(["00", "01", "ff", "0", "cc"], 0.3);
    const more = chance.mostly(["", "-", "-x", "x"], 0.2);
    return Buffer.from(`${version}-${hex(chance, 32)}-${hex(chance, 16)}-${hex(chance, 2)}${more}`, "latin1");
  },
  // A field's value has no line breaks.
  open: () => pureChecker((input) => check(input.toString("latin1").replaceAll(/[\r\n]/g, ""))),
};

function hex(chance: Chance, digits: number): string {
  if (chance.odds(0.1)) return "0".repeat(digits);
  const text = chance.bytes(Math.ceil(digits / 2)).toString("hex");
  return chance.odds(0.95) ? text : text.toUpperCase();
}

function check(value: string): string | undefined {
  const found = parseTraceparent(value);
  const expected = readNaively(value);
  if (!isDeepStrictEqual(found, expected)) {
    return `context: ours ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
  }
  if (found === undefined) return undefined;
  const again = parseTraceparent(formatTraceparent(found.traceId, found.parentId, found.sampled));
  return isDeepStrictEqual(again, found) ? undefined : "format: what we write reads otherwise";
}

function readNaively(value: string): TraceContext | undefined {
  const isHex = (text: string): boolean => [...text].every((char) => "0123456789abcdef".includes(char));
  const isZero = (text: string): boolean => [...text].every((char) => char === "0");
  const [version, traceId, parentId, flags] = [
    value.slice(0, 2),
    value.slice(3, 35),
    value.slice(36, 52),
    value.slice(53, 55),
  ];
  const hyphens = [value[2], value[35], value[52]].every((char) => char === "-");
  if (value.length < 55 || !hyphens || ![version, traceId, parentId, flags].every(isHex)) return undefined;
  const mayGoOn = version !== "00" && value[55] === "-";
  if (version === "ff" || (value.length > 55 && !mayGoOn) || isZero(traceId) || isZero(parentId)) return undefined;
  return { traceId, parentId, sampled: Number.parseInt(flags, 16) % 2 === 1 };
}

/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly roundSeconds: number;
  /** What stands without a dash, and `--case`: names of cases, or what they begin with; empty for all. */
  readonly names: readonly string[];
  /** Names of peers besides Heddle; empty for all. */
  readonly peers: readonly string[];
  /** Where the JSON goes: a file, `-` for standard output, undefined for nowhere. */
  readonly json: string | undefined;
}

export const USAGE = `npm run bench -- [CASE…]        Heddle beside the peers found on this machine
npm run bench -- micro [NAME…]  pieces of the hot path, one at a time
npm run bench -- diagnosis      how often \`why\` names the right hop and cause; --seed, --pairs, --topology, --kind, --json FILE
npm run bench -- replay         how long a change of policies is simulated over a million recorded kinds of requests; --kinds N
npm run bench -- page FILE      writes docs/benchmarks from the JSON of a run

  --case NAME     only this case, or those that begin so; may be repeated
  --peer NAME     only this peer besides Heddle; may be repeated
  --quick         3 rounds of 2 seconds instead of 5 of 5
  --rounds N      another number of rounds
  --json [FILE]   everything that was measured, to a file or to standard output
  --list          the cases and peers there are`;

/** \`--json\` may stand without a file, which parseArgs does not know. */
function withJsonTarget(words: readonly string[]): readonly string[] {
  return words.map((word, index) => {
    const next = words[index + 1];
    if (word !== "--json") return word;
    return next === undefined || !next.endsWith(".json") ? "--json=-" : word;
  });
}

export function readOptions(words: readonly string[]): Options & { readonly list: boolean } {
  const { values, positionals } = parseArgs({
    args: [...withJsonTarget(words)],
    allowPositionals: true,
    options: {
      case: { type: "string", multiple: true, default: [] },
      peer: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      json: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a number from 1, not ${values.rounds}`);
  return {
    quick: values.quick,
    rounds,
    roundSeconds: values.quick ? 2 : 5,
    names: [...positionals, ...values.case],
    peers: values.peer,
    json: values.json,
    list: values.list,
  };
}

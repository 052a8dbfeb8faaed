/** HTTP/1.1: what our parsers accept, llhttp must read in the same way, and any way to split the bytes must give the same reading. */
import { isDeepStrictEqual } from "node:util";
import type { RequestHead, ResponseHead } from "#wire/http1";
import { hashOf } from "../chance.ts";
import { Llhttp, type LlhttpInput, type LlhttpReading } from "../llhttp/client.ts";
import { type Checker, caught, type Target } from "../target.ts";
import { differenceOfRequests, differenceOfResponses } from "./compare.ts";
import { makeRequests, makeResponse } from "./make.ts";
import { type AnsweredMethod, essence, pieces, type Reading, readRequests, readResponse } from "./read.ts";

type AnyHead = RequestHead | ResponseHead;

const ANSWERED: readonly AnsweredMethod[] = ["GET", "HEAD", "CONNECT"];

export const http1Requests: Target = {
  name: "http1-requests",
  share: 3,
  make: makeRequests,
  open: () =>
    beside({
      read: (_input, chunks) => readRequests(chunks),
      bytesOf: (input) => input,
      ask: (input, reading) => ({ slices: slicesOf(input, reading) }),
      compare: differenceOfRequests,
    }),
};

/** The first byte of an input tells what the response answers. */
export const http1Responses: Target = {
  name: "http1-responses",
  share: 2,
  make: makeResponse,
  open: () =>
    beside({
      read: (input, chunks) => readResponse(answeredBy(input), chunks),
      bytesOf: (input) => input.subarray(1),
      ask: (input, reading) => ({
        slices: slicesOf(input.subarray(1, 1 + (reading.ends[0] ?? 0)), reading),
        answers: answeredBy(input),
        ends: reading.messages.at(-1)?.head.framing.kind === "until-close",
      }),
      compare: differenceOfResponses,
    }),
};

function answeredBy(input: Buffer): AnsweredMethod {
  return ANSWERED[(input[0] ?? 0) % ANSWERED.length] as AnsweredMethod;
}

interface Comparison<Head> {
  read(input: Buffer, chunks: readonly Buffer[]): Reading<Head>;
  bytesOf(input: Buffer): Buffer;
  ask(input: Buffer, reading: Reading<Head>): LlhttpInput;
  compare(ours: Reading<Head>["messages"][number], theirs: LlhttpReading["messages"][number]): string | undefined;
}

/** A checker that reads beside a Node process. */
function beside<Head extends AnyHead>(how: Comparison<Head>): Checker {
  const llhttp = new Llhttp();
  return {
    check: async (inputs) => {
      const found: (string | undefined)[] = new Array(inputs.length);
      const asked: { readonly index: number; readonly reading: Reading<Head>; readonly input: LlhttpInput }[] = [];
      for (const [index, input] of inputs.entries()) {
        found[index] = caught(() => {
          const bytes = how.bytesOf(input);
          const reading = how.read(input, [bytes]);
          if (reading.ends.length > 0 || reading.goesOn) asked.push({ index, reading, input: how.ask(input, reading) });
          return differenceBySplit(how, input, reading);
        });
      }
      const answers = await llhttp.read(asked.map(({ input }) => input));
      for (const [at, { index, reading }] of asked.entries()) {
        found[index] ??= differenceOf(how, reading, answers[at] as LlhttpReading);
      }
      return found;
    },
    close: () => llhttp.close(),
  };
}

function differenceBySplit<Head>(how: Comparison<Head>, input: Buffer, whole: Reading<Head>): string | undefined {
  const bytes = how.bytesOf(input);
  const seed = hashOf(bytes);
  const split = how.read(input, pieces(bytes, seed % 3 === 0 ? 1 : 40, seed));
  if (isDeepStrictEqual(essence(split), essence(whole))) return undefined;
  return `read otherwise when split: ${JSON.stringify(split)} instead of ${JSON.stringify(whole)}`;
}

/** All but the last byte of each whole message, then that byte: so it shows that both see the end at the same place. */
function slicesOf<Head>(bytes: Buffer, { ends, goesOn }: Reading<Head>): Buffer[] {
  const slices: Buffer[] = [];
  let at = 0;
  for (const end of ends) {
    slices.push(bytes.subarray(at, end - 1), bytes.subarray(end - 1, end));
    at = end;
  }
  if (goesOn) slices.push(bytes.subarray(at));
  return slices;
}

/** Refusals of llhttp that are no other reading: it knows a closed list of methods, and we pass on any. */
const MAY_REFUSE: readonly string[] = ["HPE_INVALID_METHOD"];

function mayRefuse<Head extends AnyHead>({ messages }: Reading<Head>, { error }: LlhttpReading): boolean {
  // An interim response that says `close` ends llhttp's reading; we go on to the final one and close after that.
  const isInterimClose = messages.slice(0, -1).some(({ head }) => !head.keepAlive);
  return MAY_REFUSE.includes(error) || (error === "HPE_CLOSED_CONNECTION" && isInterimClose);
}

function differenceOf<Head extends AnyHead>(
  how: Comparison<Head>,
  ours: Reading<Head>,
  theirs: LlhttpReading,
): string | undefined {
  if (mayRefuse(ours, theirs)) return undefined;
  for (const [index, message] of ours.messages.entries()) {
    const same = theirs.messages[index];
    if (same === undefined && !message.isWhole) return undefined;
    if (same === undefined) return `llhttp does not see message ${index}: ${theirs.error}`;
    const difference = how.compare(message, same);
    if (difference !== undefined) return `message ${index}: ${difference} ${theirs.error}`;
  }
  return differenceOfEnds(ours, theirs);
}

/** Each message must be whole with the byte that we take for its last, and not before; the bytes after the last hold no other. */
function differenceOfEnds<Head extends AnyHead>(
  ours: Reading<Head>,
  { wholeAfter }: LlhttpReading,
): string | undefined {
  // Interim responses have no end of their own here: the last message is what the bytes end with.
  const first = ours.messages.filter((message) => message.isWhole).length - ours.ends.length;
  if (first < 0 || isUntilClose(ours)) return undefined;
  const expected = ours.ends.flatMap((_end, index) => [first + index, first + index + 1]);
  if (ours.goesOn) expected.push(expected.at(-1) ?? 0);
  const seen = wholeAfter.slice(0, expected.length);
  if (seen.every((whole, index) => whole === expected[index])) return undefined;
  return `ends: llhttp has ${JSON.stringify(seen)} whole messages where we have ${JSON.stringify(expected)}`;
}

function isUntilClose<Head extends AnyHead>({ messages }: Reading<Head>): boolean {
  return messages.at(-1)?.head.framing.kind === "until-close";
}

import { END_REASONS } from "#telemetry";

/** A line as it is written; `src/agent/end-log.test.ts` holds its form. */
const EXAMPLE =
  '{"level":40,"time":1764000000000,"msg":"The service has no endpoint that is ready.","reason":"no-healthy-upstream","flags":"UH",' +
  '"status":503,"reporter":"source","source":"shop/front-1","destination":"shop/back","count":3,"trace":"0af7651916cd43dd8448eb211c80319c"}';

/** The reference page of end reasons, made from the one table that the code uses. */
export function endReasonsPage(): string {
  const rows = Object.entries(END_REASONS).map(
    ([reason, { flag, sentence }]) => `| \`${reason}\` | ${flag} | ${sentence} |`,
  );
  return [
    "# How requests end",
    "",
    "Every request ends for one reason of this list: in flows and traces, in the header `x-heddle-reason` of responses that an agent made",
    "itself, in the agents' logs and, as Envoy's flag, in the metrics. Made from `src/telemetry/end-reasons.ts` by",
    "`scripts/generate-pages.ts`.",
    "",
    "| reason | flag | |",
    "| --- | --- | --- |",
    ...rows,
    "",
    "## In an agent's log",
    "An agent writes a line of JSON to its standard error for every kind of end but `completed` and `downstream-closed`: the first within a",
    "second, further ones as a `count` once a minute. A kind is an edge with a reason, a status and a policy. Lines have neither paths nor",
    "headers; `trace` is one of the requests, for `heddle trace`, and of a denied one `flow` is for `heddle policy explain`. Ends that a policy",
    "or a caller is the cause of have level 30 (info), all others 40 (warn). There are at most 60 lines a minute; what is beyond them is one",
    "number in one more line.",
    "```json",
    EXAMPLE,
    "```",
    "",
  ].join("\n");
}

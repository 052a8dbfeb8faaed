import { END_REASONS } from "#telemetry";

/** The reference page of end reasons, made from the one table that the code uses. */
export function endReasonsPage(): string {
  const rows = Object.entries(END_REASONS).map(
    ([reason, { flag, sentence }]) => `| \`${reason}\` | ${flag} | ${sentence} |`,
  );
  return [
    "# How requests end",
    "",
    "Every request ends for one reason of this list: in flows and traces, in the header `x-heddle-reason` of responses that an agent made",
    "itself, and, as Envoy's flag, in the metrics. Made from `src/telemetry/end-reasons.ts` by `scripts/generate-pages.ts`.",
    "",
    "| reason | flag | |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

import { PROBLEM_CODES } from "#model";

/** The reference page of errors, made from the one table that the code uses. */
export function errorsPage(): string {
  const rows = Object.entries(PROBLEM_CODES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { summary, next }]) => `## ${code}\n${summary}\n\n**Next:** ${next}\n`);
  return [
    "# Errors",
    "",
    "Every failure has a code. A message says what is wrong and where; the line after it, marked with →, says what to do.",
    "This page is made from the table in `src/model/problem-codes.ts` by `scripts/generate-pages.ts`.",
    "",
    ...rows,
  ].join("\n");
}

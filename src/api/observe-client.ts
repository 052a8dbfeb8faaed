import type { z } from "zod";
import {
  eventsViewSchema,
  flowsViewSchema,
  graphViewSchema,
  plaintextViewSchema,
  tracesViewSchema,
  traceViewSchema,
  whyReportSchema,
} from "./observe.ts";

/** Asks the server for a path below its URL and gives the parsed JSON; owns credentials, timeouts and failures. */
export type AskJson = (path: string) => Promise<unknown>;
export type QueryValues = Readonly<Record<string, string | number | undefined>>;

/** One typed client function a question. Answers are checked against their schemas; a mismatch rejects. */
export const observeClient = {
  graph: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("graph", query), graphViewSchema),
  plaintext: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("plaintext", query), plaintextViewSchema),
  why: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("why", query), whyReportSchema),
  flows: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("flows", query), flowsViewSchema),
  traces: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("traces", query), tracesViewSchema),
  trace: (ask: AskJson, traceId: string) =>
    answer(ask, pathOf(`traces/${encodeURIComponent(traceId)}`, {}), traceViewSchema),
  events: (ask: AskJson, query: QueryValues) => answer(ask, pathOf("events", query), eventsViewSchema),
  /** Path of the live stream: one JSON flow a line. */
  liveFlowsPath: (query: QueryValues) => pathOf("flows/live", query),
} as const;

function answer<Answer>(ask: AskJson, path: string, schema: z.ZodType<Answer>): Promise<Answer> {
  return ask(path).then((body) => schema.parse(body));
}

function pathOf(question: string, query: QueryValues): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
  return `/api/v1/${question}${parts.length > 0 ? `?${parts.join("&")}` : ""}`;
}

/** What the REST API says and takes, as schemas, and typed functions to ask it. Pure: whoever asks brings the transport. */
export {
  type CallView,
  type EventsView,
  eventsQuerySchema,
  eventsViewSchema,
  type FlowView,
  flowsQuerySchema,
  flowsViewSchema,
  flowViewSchema,
  type GraphView,
  graphQuerySchema,
  graphViewSchema,
  parseDurationMs,
  type TracesView,
  type TraceView,
  tracesQuerySchema,
  tracesViewSchema,
  traceViewSchema,
  type WhyView,
  whyQuerySchema,
  whyReportSchema,
} from "./observe.ts";
export { type AskJson, observeClient, type QueryValues } from "./observe-client.ts";

import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { getJson } from "./http.ts";
import type { GraphView, WhyReport } from "./shapes.ts";

export type WindowName = "10s" | "30s" | "5m";

/** The server rolls telemetry up once a second; asking more often shows nothing new. */
const POLL_MS = 1_000;

/** The report reads every span of two windows, and nobody reads a verdict twice a second. */
const WHY_POLL_MS = 3_000;

/** The browser stops the clock of a hidden page, and React Query does not ask while it is hidden. */
const LIVE = { refetchIntervalInBackground: false, placeholderData: keepPreviousData, retry: false } as const;

export function useGraph(window: WindowName, live: boolean): UseQueryResult<GraphView> {
  return useQuery({
    ...LIVE,
    queryKey: ["graph", window],
    queryFn: ({ signal }) => getJson<GraphView>(`/api/v1/graph?window=${window}`, signal),
    refetchInterval: live ? POLL_MS : false,
  });
}

export function useWhy(service: string | undefined, window: WindowName, live: boolean): UseQueryResult<WhyReport> {
  const query = new URLSearchParams({ service: service ?? "", window, baseline: window });
  return useQuery({
    ...LIVE,
    queryKey: ["why", service, window],
    queryFn: ({ signal }) => getJson<WhyReport>(`/api/v1/why?${query}`, signal),
    refetchInterval: live ? WHY_POLL_MS : false,
    enabled: service !== undefined,
  });
}

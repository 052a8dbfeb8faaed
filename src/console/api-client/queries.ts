import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { loginMethodsSchema, observeClient } from "#api";
import { askWith, RequestError } from "./http.ts";
import type { GraphView, WhyReport } from "./shapes.ts";

export type WindowName = "10s" | "30s" | "5m";

/** The server rolls telemetry up once a second; asking more often shows nothing new. */
const POLL_MS = 1_000;

/** The report reads every span of two windows, and nobody reads a verdict twice a second. */
const WHY_POLL_MS = 3_000;

/** Someone who is signed out must act first; asking on at full pace would only look like an attack. */
const SIGNED_OUT_POLL_MS = 15_000;

/** The browser stops the clock of a hidden page, and React Query does not ask while it is hidden. */
const LIVE = { refetchIntervalInBackground: false, placeholderData: keepPreviousData, retry: false } as const;

export function useGraph(window: WindowName, live: boolean): UseQueryResult<GraphView> {
  return useQuery({
    ...LIVE,
    queryKey: ["graph", window],
    queryFn: ({ signal }) => observeClient.graph(askWith(signal), { window }),
    refetchInterval: ({ state }) => (live ? pollAfter(state.error, POLL_MS) : false),
  });
}

export function useWhy(service: string | undefined, window: WindowName, live: boolean): UseQueryResult<WhyReport> {
  return useQuery({
    ...LIVE,
    queryKey: ["why", service, window],
    queryFn: ({ signal }) => observeClient.why(askWith(signal), { service, window, baseline: window }),
    refetchInterval: ({ state }) => (live ? pollAfter(state.error, WHY_POLL_MS) : false),
    enabled: service !== undefined,
  });
}

/** Where somebody without a session can log in by name; undefined where the server knows no identity provider. */
export function useLoginPath(isSignedOut: boolean): string | undefined {
  const { data } = useQuery({
    queryKey: ["login-methods"],
    queryFn: ({ signal }) =>
      askWith(signal)("/api/v1/login/methods").then((answer) => loginMethodsSchema.parse(answer)),
    enabled: isSignedOut,
    retry: false,
  });
  return data?.provider === true ? "/api/v1/login" : undefined;
}

function pollAfter(error: Error | null, paceMs: number): number {
  return error instanceof RequestError && error.failure.kind === "signed-out" ? SIGNED_OUT_POLL_MS : paceMs;
}

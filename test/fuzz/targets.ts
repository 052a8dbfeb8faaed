/** All that is fuzzed. Whoever writes another parser of bytes that strangers send adds a row. */
import { downgradedRequests, downgradedResponses } from "./downgrade.ts";
import { http1Requests, http1Responses } from "./http1/targets.ts";
import { http2Frames } from "./http2/frames.ts";
import { hpackBlocks, hpackLists } from "./http2/hpack.ts";
import { http2Sessions } from "./http2/sessions.ts";
import { policies } from "./policies.ts";
import type { Target } from "./target.ts";
import { tlsHellos } from "./tls-hello.ts";
import { tokens } from "./tokens.ts";
import { traceparents } from "./trace-context.ts";
import { tunnels } from "./tunnel.ts";

export const TARGETS: readonly Target[] = [
  http1Requests,
  http1Responses,
  downgradedRequests,
  downgradedResponses,
  http2Frames,
  http2Sessions,
  hpackBlocks,
  hpackLists,
  tlsHellos,
  tunnels,
  traceparents,
  tokens,
  policies,
];

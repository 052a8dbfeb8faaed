/** All that is fuzzed. Whoever writes another parser of bytes that strangers send (TLS's ClientHello is next) adds a row. */
import { http1Requests, http1Responses } from "./http1/targets.ts";
import type { Target } from "./target.ts";

export const TARGETS: readonly Target[] = [http1Requests, http1Responses];

/** Traffic policies as they travel: messages of the same shape as the values. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TrafficPolicy } from "#model";
import type { TrafficPolicySchema } from "#proto";
import { plain } from "./plain.ts";

export function trafficMessage(traffic: TrafficPolicy): MessageInitShape<typeof TrafficPolicySchema> {
  return traffic as unknown as MessageInitShape<typeof TrafficPolicySchema>;
}

const BALANCING: ReadonlySet<string> = new Set([
  "least-request",
  "round-robin",
  "random",
  "peak-ewma",
  "ring-hash",
  "maglev",
]);
const HASH_KEYS: ReadonlySet<string> = new Set(["header", "query", "source-ip", "cookie"]);

/** The value, or what is wrong with it: a word of a newer server that is not known here must not be passed over. */
export function trafficOf(message: object): TrafficPolicy | string {
  const traffic = plain(message) as TrafficPolicy;
  if (!BALANCING.has(traffic.balancing?.kind)) return "it is balanced in a way that is not known here";
  if (traffic.hashKey !== undefined && !HASH_KEYS.has(traffic.hashKey.kind))
    return "it is hashed by what is not known here";
  if (traffic.pool === undefined) return "its traffic policy has no limits";
  return traffic;
}

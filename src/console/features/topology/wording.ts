import type { NodeRole } from "../../api-client/shapes.ts";
import type { Health } from "./signals.ts";

export const ROLE_NAMES: Readonly<Record<NodeRole, string>> = {
  service: "service",
  gateway: "gateway",
  "load-balancer": "load balancer",
  external: "outside",
};

/** The name without its namespace. */
export function shortName(id: string): string {
  return id.slice(id.indexOf("/") + 1);
}

/** Only a figure that is not well is coloured: colour everywhere would say nothing. */
export function figureTone(health: Health): string {
  return health === "warn" || health === "bad" ? `tone-${health}` : "";
}

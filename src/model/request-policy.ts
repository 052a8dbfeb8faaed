/** What is done to the requests of a route's rule that the Gateway API has no field for; a rule names it as an `ExtensionRef`. */
import type { ResourceOf } from "./resource-of.ts";

/** Done to a share of the requests, to see how their callers take it. */
export interface Fault {
  /** 0..1 of the requests wait before they are sent. */
  readonly delay: { readonly share: number; readonly ms: number } | undefined;
  /** 0..1 of the requests are answered by the caller's agent with this HTTP status. */
  readonly abort: { readonly share: number; readonly status: number } | undefined;
}

/** A second attempt elsewhere when the first has not been answered for so long; the answer that begins first is taken. */
export interface Hedge {
  readonly afterMs: number;
}

export interface RequestPolicy extends ResourceOf<"heddle.dev/v1", "RequestPolicy"> {
  readonly spec: { readonly fault: Fault | undefined; readonly hedge: Hedge | undefined };
}

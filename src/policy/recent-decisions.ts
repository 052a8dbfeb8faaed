/** Decisions for one caller that were made lately: most callers ask for the same few things again and again. */
import type { CompiledPolicy } from "./compile.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { RequestAttributes } from "./request.ts";

/** A power of two. */
const PLACES = 16;
/** Longer ones are decided anew, so that what a caller makes us remember is bounded. */
const PATH_LENGTH_MAX = 256;

/** What was asked, as far as it differs between the requests of one caller, and what was decided. */
interface Recent {
  readonly protocol: RequestAttributes["protocol"];
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly decision: Decision;
}

export class RecentDecisions {
  readonly #recent: (Recent | undefined)[] = new Array<undefined>(PLACES).fill(undefined);
  #policy: CompiledPolicy | undefined;

  /**
   * As `decide`; `request` differs from the last only in what a caller may choose: protocol, method, path and host, and headers and claims,
   * and the server name of bytes. A policy that looks at one of the last three is asked each time: what it may have seen there is not remembered.
   */
  decide(policy: CompiledPolicy, request: RequestAttributes): Decision {
    if (policy.needsHeaders || policy.needsClaims || policy.needsServerName) return decide(policy, request);
    const { protocol, method, path, host } = request;
    if (policy !== this.#policy) this.#forget(policy);
    const place = (path.length * 31 + path.charCodeAt(path.length - 1)) & (PLACES - 1);
    const recent = this.#recent[place];
    const isSame =
      recent !== undefined &&
      recent.path === path &&
      recent.method === method &&
      recent.host === host &&
      recent.protocol === protocol;
    if (isSame) return recent.decision;
    const decision = decide(policy, request);
    if (path.length <= PATH_LENGTH_MAX && host.length <= PATH_LENGTH_MAX)
      this.#recent[place] = { protocol, method, path, host, decision };
    return decision;
  }

  #forget(policy: CompiledPolicy): void {
    this.#policy = policy;
    this.#recent.fill(undefined);
  }
}

import { type Problem, type ProblemCode, problem } from "#model";

/** One thing that was looked at. A failure or a warning carries what is wrong and the fix. */
export type Finding =
  | { readonly state: "ok"; readonly subject: string; readonly text: string }
  | { readonly state: "warning" | "failure"; readonly subject: string; readonly problem: Problem };

/** What the server's registry says of a workload, as far as it is judged here. */
export interface WorkloadFacts {
  readonly instance: string;
  readonly namespace: string;
  readonly ready: boolean;
  readonly agentConnected: boolean;
  readonly svidNotAfterMs: number;
}

export interface TokenFacts {
  readonly id: string;
  readonly expiresAtMs: number;
  readonly isUsed: boolean;
}

/** Hosts whose clocks differ by more than this see each other's fresh certificates as not yet valid. */
const CLOCK_WARNING_MS = 5000;
const CLOCK_FAILURE_MS = 30_000;
/** Certificates are renewed at half of their life; when only this share is left, renewing must have failed several times. */
const NEAR_EXPIRY_SHARE = 0.25;

function ok(subject: string, text: string): Finding {
  return { state: "ok", subject, text };
}

function bad(state: "warning" | "failure", subject: string, what: readonly [ProblemCode, string]): Finding {
  return { state, subject, problem: problem(...what) };
}

/** `Date` headers have whole seconds, so that a second of difference says nothing. */
export function clockFinding(serverMs: number, localMs: number): Finding {
  const offMs = Math.abs(serverMs - localMs);
  const text = `this host and the server differ by ${(offMs / 1000).toFixed(0)} s`;
  if (offMs <= CLOCK_WARNING_MS) return ok("clock", text);
  return bad(offMs > CLOCK_FAILURE_MS ? "failure" : "warning", "clock", ["HDL_CHECK_CLOCK", text]);
}

function certificateFinding(subject: string, leftMs: number, svidTtlMs: number): Finding {
  const left = `${(Math.abs(leftMs) / 1000).toFixed(0)} s`;
  if (leftMs <= 0) {
    return bad("failure", subject, ["HDL_CHECK_CERTIFICATE", `its certificate expired ${left} ago`]);
  }
  if (leftMs < svidTtlMs * NEAR_EXPIRY_SHARE) {
    return bad("warning", subject, ["HDL_CHECK_CERTIFICATE", `its certificate expires in ${left} and was not renewed`]);
  }
  return ok(subject, `connected, ready, certificate good for ${left}`);
}

/** The first thing that is wrong with a workload: what comes later follows from it. */
export function workloadFinding(workload: WorkloadFacts, svidTtlMs: number, nowMs: number): Finding {
  const subject = `${workload.namespace}/${workload.instance}`;
  if (!workload.agentConnected) {
    return bad("failure", subject, ["HDL_CHECK_AGENT_DISCONNECTED", "its agent is not connected to the server"]);
  }
  const certificate = certificateFinding(subject, workload.svidNotAfterMs - nowMs, svidTtlMs);
  if (certificate.state === "ok" && !workload.ready) {
    return bad("failure", subject, ["HDL_AGENT_APP_SILENT", "its program does not answer its agent"]);
  }
  return certificate;
}

/** Join tokens that nobody used in time: whoever holds one will be refused. */
export function tokenFindings(tokens: readonly TokenFacts[], nowMs: number): readonly Finding[] {
  return tokens
    .filter(({ isUsed, expiresAtMs }) => !isUsed && expiresAtMs <= nowMs)
    .map(({ id, expiresAtMs }) => {
      const ago = Math.round((nowMs - expiresAtMs) / 60_000);
      return bad("warning", `token ${id}`, ["HDL_CHECK_TOKEN_EXPIRED", `expired ${ago} min ago and was never used`]);
    });
}

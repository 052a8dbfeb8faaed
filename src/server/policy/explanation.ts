/** Why a request that somebody wonders about would be allowed or denied. */
import type { ExplainQuestion, ExplanationView } from "#api";
import { parseSpiffeId } from "#identity";
import type { MeshSnapshot } from "#mesh";
import { failure, parseAddress, problem, type Result, type ServiceKey, success } from "#model";
import { type CallerAttributes, callerAttributes, type Knowledge, type RequestAttributes } from "#policy";
import { calleeOf, callerEgress } from "./caller-egress.ts";
import { throughEgress } from "./egress-outcome.ts";
import { type ArrivingRequest, mergeEqual, outcomeAt } from "./outcome.ts";

/** Fails with `HDL_POLICY_QUESTION` where there is no such caller or no replica whose policies could be asked. */
export function explanationOf(snapshot: MeshSnapshot, asked: ExplainQuestion, nowMs: number): Result<ExplanationView> {
  const caller = callerOf(snapshot, asked.source);
  if (caller === undefined) return refuse(`\`${asked.source}\` is no caller`);
  const service = snapshot.services.get(asked.destination as ServiceKey);
  if (service === undefined) return refuse(`there is no service ${asked.destination}`);
  if (service.endpoints.length === 0) return refuse(`${asked.destination} has no replica that is ready`);
  if (asked.sourceIp !== undefined && parseAddress(asked.sourceIp) === undefined)
    return refuse(`\`${asked.sourceIp}\` is no address`);
  const request: ArrivingRequest = { attributes: { ...caller, ...partsOf(asked) }, knowledge: knowledgeOf(asked) };
  const egress = callerEgress(snapshot, caller, nowMs);
  const outcomes = service.endpoints.flatMap((endpoint) => {
    const atDestination = outcomeAt(snapshot, endpoint, { request, nowMs });
    return throughEgress(egress, calleeOf(endpoint, snapshot, asked.port ?? endpoint.appPort), atDestination);
  });
  const notes = serverNameNotes(asked);
  const told = outcomes.map((each) => ({ ...each, notes: [...each.notes, ...notes] }));
  return success({ principal: caller.principal, destination: asked.destination, outcomes: mergeEqual(told) });
}

const STRANGER = "-";

const SCHEME = "spiffe://";

function callerOf({ settings }: MeshSnapshot, source: string): CallerAttributes | undefined {
  if (source === STRANGER) return { principal: "", namespace: "", serviceAccount: "" };
  const [namespace = "", account, ...more] = source.split("/");
  const isShort = account !== undefined && more.length === 0;
  const bare = source.startsWith(SCHEME) ? source.slice(SCHEME.length) : source;
  const id = parseSpiffeId(SCHEME + (isShort ? `${settings.trustDomain}/ns/${namespace}/sa/${account}` : bare));
  if (!id.ok || id.value.path === "") return undefined;
  const caller = callerAttributes(id.value, settings.trustDomain);
  // Of another trust domain only the principal is known; of the own one a workload is meant.
  return caller.serviceAccount === "" && id.value.trustDomain === settings.trustDomain ? undefined : caller;
}

function partsOf(question: ExplainQuestion): Partial<RequestAttributes> {
  const { method, path, host, port, sourceIp, ...asked } = question;
  const connection = {
    ...(port === undefined ? {} : { port }),
    sourceAddress: sourceIp === undefined ? undefined : parseAddress(sourceIp),
    serverName: serverNameOf(question),
  };
  if (path === undefined) return { ...connection, protocol: "tcp" };
  const headers = asked.headers.flatMap(({ name, value }) => [name.toLowerCase(), value]);
  const claims = asked.token === undefined || asked.token.kind === "none" ? undefined : asked.token.claims;
  return { ...connection, protocol: "http", method, path: path.split("?")[0] ?? "", host: host ?? "", headers, claims };
}

/**
 * As the destination's agent has it: it reads that of bytes, knows that callers in the clear ask for none, and does not know that of HTTP from
 * other agents.
 */
function serverNameOf({ source, path, sni }: ExplainQuestion): string | undefined {
  if (path === undefined) return sni?.toLowerCase();
  return source === STRANGER ? "" : undefined;
}

function serverNameNotes({ source, path, sni }: ExplainQuestion): readonly string[] {
  if (sni === undefined || path === undefined) return [];
  const why =
    source === STRANGER
      ? "who calls in the clear asks for none"
      : "of HTTP from other agents it is not known there, so that an ALLOW by it is not met and a DENY is";
  return [`The server name that was given is not looked at: ${why}. It is for bytes, as with \`--tcp\`.`];
}

function knowledgeOf(question: ExplainQuestion): Knowledge {
  const { source, path, host, headers, absentHeaders, token } = question;
  const known = [...headers.map(({ name }) => name), ...absentHeaders].map((name) => name.toLowerCase());
  return {
    path: true,
    host: host !== undefined,
    hasNoServerName: path !== undefined && source !== STRANGER,
    headers: new Set(known),
    claims: token === undefined ? new Set() : token.kind === "part" ? new Set(Object.keys(token.claims)) : "all",
  };
}

function refuse(message: string): Result<never> {
  return failure(problem("HDL_POLICY_QUESTION", message));
}

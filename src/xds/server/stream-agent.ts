import type { SpiffeId } from "#identity";
import { namespaceOf, serviceAccountOf } from "#identity";
import { DNS_LABEL, failure, problem, type Result, success } from "#model";
import type { DeltaDiscoveryRequest } from "#proto";

/** Whose stream it is: who by its certificate, which replica and with which labels by its own word. */
export interface StreamAgent {
  readonly spiffeId: SpiffeId;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly appPort?: number | undefined;
}

const LABELS_MAX = 64;
const LABEL_LENGTH_MAX = 512;

/**
 * Reads the node of a stream's first request: `node.id` is the instance, `node.metadata.labels` are the workload's labels, and
 * `node.metadata.appPort`, if it is there, is the port of its app.
 * Fails with `HDL_XDS_STREAM`; without labels the right policies could not be chosen, so they are never assumed.
 */
export function streamAgent(spiffeId: SpiffeId, first: DeltaDiscoveryRequest): Result<StreamAgent> {
  const namespace = namespaceOf(spiffeId);
  const serviceAccount = serviceAccountOf(spiffeId);
  const instance = first.node?.id ?? "";
  const given = first.node?.metadata?.["labels"];
  if (namespace === undefined || serviceAccount === undefined) return unusable(`${spiffeId.uri} names no workload`);
  if (!DNS_LABEL.test(instance)) return unusable("node.id is not an instance's name");
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return unusable("node.metadata.labels is not there");
  const entries = Object.entries(given);
  if (entries.length > LABELS_MAX) return unusable(`it has more than ${LABELS_MAX} labels`);
  const labels: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (typeof value !== "string" || name.length + value.length > LABEL_LENGTH_MAX)
      return unusable(`its label ${JSON.stringify(name.slice(0, 80))} is not a short text`);
    labels[name] = value;
  }
  const appPort = portOf(first.node?.metadata?.["appPort"]);
  if (appPort === "invalid") return unusable("node.metadata.appPort is no port");
  return success({ spiffeId, namespace, serviceAccount, instance, labels, appPort });
}

function portOf(value: unknown): number | undefined | "invalid" {
  if (value === undefined) return undefined;
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535 ? value : "invalid";
}

function unusable(why: string): Result<never> {
  return failure(problem("HDL_XDS_STREAM", `The agent does not say who it is: ${why}.`));
}

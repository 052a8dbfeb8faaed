import { namespaceOf, parseSpiffeId, type SpiffeId, serviceAccountOf } from "#identity";
import { DNS_LABEL, failure, problem, type Result, success, type WorkloadKey } from "#model";

/** What an agent says of its workload, with every announcement anew. */
export interface Announcement {
  readonly instance: string;
  /** Of the workload's inbound mesh listener. */
  readonly address: string;
  readonly meshPort: number;
  /** 0 for a workload without one, such as a gateway. */
  readonly appPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  /** Revision of the configuration in force at the agent. */
  readonly revision: number;
  /** Milliseconds since the epoch; 0 when nothing is served yet. */
  readonly servedSvidNotAfterMs: number;
  /** Lower-case hexadecimal without leading zero octets; empty when nothing is served yet. */
  readonly servedSvidSerial: string;
  /** Sequence of the bundle of the agent's own trust domain by which it judges peers. */
  readonly bundleSequence: number;
  readonly agentVersion: string;
  readonly mode: string;
}

/** An announced workload. Who it is was taken from the announcer's certificate. */
export interface AnnouncedWorkload extends Announcement {
  readonly key: WorkloadKey;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly spiffeId: SpiffeId;
}

const LABELS_MAX = 64;
const TEXT_LENGTH_MAX = 512;
/** IPv4, IPv6, or a name. */
const ADDRESS = /^[0-9A-Za-z](?:[-0-9A-Za-z.:]{0,251}[0-9A-Za-z])?$|^::[0-9a-fA-F:.]*$/;

/** RFC 5280 §4.1.2.2: at most 20 octets. */
const SERIAL = /^[0-9a-f]{0,40}$/;

/** Fails with `HDL_DISCOVERY_ANNOUNCEMENT`, which names the field. */
export function announcedWorkload(announcement: Announcement, announcer: SpiffeId): Result<AnnouncedWorkload> {
  const namespace = namespaceOf(announcer);
  const serviceAccount = serviceAccountOf(announcer);
  if (namespace === undefined || serviceAccount === undefined) return unusable(`${announcer.uri} names no workload`);
  const fault = faultOf(announcement);
  if (fault !== undefined) return unusable(fault);
  const key: WorkloadKey = `${namespace}/${announcement.instance}`;
  return success({ ...announcement, key, namespace, serviceAccount, spiffeId: announcer });
}

function faultOf(each: Announcement): string | undefined {
  const { instance, address, meshPort, appPort, labels, mode, agentVersion, servedSvidSerial } = each;
  if (!DNS_LABEL.test(instance)) return `instance ${JSON.stringify(instance.slice(0, 80))} is not an RFC 1123 label`;
  if (!ADDRESS.test(address)) return `address ${JSON.stringify(address.slice(0, 80))} is neither an address nor a name`;
  if (address === "0.0.0.0" || address === "::") return `address ${address} cannot be connected to`;
  if (!(meshPort >= 1 && meshPort <= 65_535)) return `mesh_port ${meshPort} is no port`;
  if (!(appPort >= 0 && appPort <= 65_535)) return `app_port ${appPort} is no port`;
  if (!SERIAL.test(servedSvidSerial)) return "served_svid_serial is no serial";
  if (mode.length + agentVersion.length > TEXT_LENGTH_MAX) return "mode and agent_version are too long";
  const entries = Object.entries(labels);
  if (entries.length > LABELS_MAX) return `labels are more than ${LABELS_MAX}`;
  const long = entries.find(([name, value]) => name.length + value.length > TEXT_LENGTH_MAX);
  return long === undefined ? undefined : `label ${JSON.stringify(long[0].slice(0, 80))} is too long`;
}

/** Whether two announcements give the same endpoint. Revisions and certificates come and go without that. */
export function isSameEndpoint(a: AnnouncedWorkload, b: AnnouncedWorkload): boolean {
  return endpointText(a) === endpointText(b);
}

function endpointText({ spiffeId, address, meshPort, appPort, ready, labels }: AnnouncedWorkload): string {
  const sorted = Object.entries(labels).sort(([x], [y]) => (x < y ? -1 : 1));
  return JSON.stringify([spiffeId.uri, address, meshPort, appPort, ready, sorted]);
}

/** The workloads as text, to be read again after a restart. */
export function encodeWorkloads(workloads: readonly AnnouncedWorkload[]): string {
  return JSON.stringify({ form: 1, workloads });
}

/** What of the text can still be used; anything damaged is left out, since its agent announces it again. */
export function decodeWorkloads(text: string): readonly AnnouncedWorkload[] {
  try {
    const { workloads } = JSON.parse(text) as { readonly workloads: readonly AnnouncedWorkload[] };
    return workloads.flatMap((kept) => {
      // Versions before this one kept neither.
      const each = { ...kept, servedSvidSerial: kept.servedSvidSerial ?? "", bundleSequence: kept.bundleSequence ?? 0 };
      const id = parseSpiffeId(each.spiffeId.uri);
      const checked = id.ok ? announcedWorkload(each, id.value) : id;
      return checked.ok ? [checked.value] : [];
    });
  } catch {
    return [];
  }
}

function unusable(why: string): Result<never> {
  return failure(problem("HDL_DISCOVERY_ANNOUNCEMENT", `The announcement cannot be used: ${why}.`));
}

/** What the members of the trust domain hold, for a rotation of its keys. Pure. */
import type { MemberState } from "#identity/authority";
import type { WorkloadKey } from "#model";
import type { IssuedRecord } from "./svid-ledger.ts";

/** What an agent last said of itself. */
export interface MemberReport {
  /** Serial of the SVID that it serves. */
  readonly servedSvidSerial: string;
  /** Sequence of the bundle by which it judges peers. */
  readonly bundleSequence: number;
}

export interface MemberInputs {
  readonly holders: ReadonlyMap<WorkloadKey, readonly IssuedRecord[]>;
  /** Of agents that are heard from; one without is waited for. */
  readonly reports: ReadonlyMap<WorkloadKey, MemberReport>;
  readonly bundleSequence: number;
  /** Id of the issuing key that signs now. */
  readonly activeIssuer: string;
}

export interface Members extends MemberState {
  readonly total: number;
  /** Replicas that do not trust the newest bundle yet, as far as is known. */
  readonly unconfirmed: readonly WorkloadKey[];
  /** Replicas that still hold nothing but SVIDs of an older key. */
  readonly unrenewed: readonly WorkloadKey[];
}

/** Everyone with a valid SVID counts, heard from or not: its peers must accept it, and it must accept its peers. */
export function membersOf({ holders, reports, bundleSequence, activeIssuer }: MemberInputs): Members {
  const unconfirmed: WorkloadKey[] = [];
  const unrenewed: WorkloadKey[] = [];
  const issuersInUse = new Set<string>();
  for (const [key, records] of holders) {
    const report = reports.get(key);
    if ((report?.bundleSequence ?? 0) < bundleSequence) unconfirmed.push(key);
    const issuers = issuersOf(records, report);
    for (const issuer of issuers) issuersInUse.add(issuer);
    if (issuers.some((issuer) => issuer !== activeIssuer)) unrenewed.push(key);
  }
  return { total: holders.size, unconfirmed, unrenewed, issuersInUse, isConfirmedByAll: unconfirmed.length === 0 };
}

/** That of the SVID which it says it serves; of all that it may hold while that is not known. */
function issuersOf(records: readonly IssuedRecord[], report: MemberReport | undefined): readonly string[] {
  const served = records.find(({ serial }) => serial === report?.servedSvidSerial);
  return served === undefined ? records.map(({ issuer }) => issuer) : [served.issuer];
}

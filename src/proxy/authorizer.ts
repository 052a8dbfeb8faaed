/** Somebody outside who decides requests, as the data plane sees them: who it is and how it is asked is another's business. */
import type { CheckedBody } from "#model";
import type { FieldList } from "#wire/fields";

export interface CheckedHttp {
  /** `x-request-id`, or the trace that stands for it. */
  readonly id: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authority: string;
  /** Without pseudo-headers, and without what the agents tell each other. */
  readonly fields: FieldList;
  /** As far as the authorizer is shown it; undefined when it is not. */
  readonly body: Uint8Array | undefined;
  /** Whether there is more of the body than is shown. */
  readonly isPartial: boolean;
}

/** What an authorizer is told. */
export interface CheckedRequest {
  /** SPIFFE ID and address of the caller. */
  readonly source: { readonly spiffeId: string; readonly address: string };
  readonly destination: { readonly spiffeId: string; readonly address: string; readonly port: number };
  readonly receivedMs: number;
  /** Undefined: a stream of bytes without HTTP. */
  readonly http: CheckedHttp | undefined;
}

export type Authorization =
  | {
      readonly kind: "allowed";
      /** Fields that the app gets in place of those of the same name. */
      readonly set: FieldList;
      /** Fields that the app gets beside those of the same name. */
      readonly added: FieldList;
      /** Names of fields that the app does not get. */
      readonly removed: readonly string[];
      /** Fields that the caller gets with the app's answer. */
      readonly answer: FieldList;
    }
  | { readonly kind: "denied"; readonly status: number; readonly fields: FieldList; readonly body: string }
  /** It did not answer in time, or with what is no answer. */
  | { readonly kind: "unavailable" };

export interface Authorizer {
  readonly isFailOpen: boolean;
  readonly statusOnError: number;
  /** What it is shown of a body; undefined for nothing. */
  readonly body: CheckedBody | undefined;
  /** Never rejects, and ends within its own timeout or when the signal says so. */
  check(request: CheckedRequest, signal: AbortSignal): Promise<Authorization>;
}

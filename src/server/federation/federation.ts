/** Bundles of the trust domains that `Federation` resources name: fetched, kept over a restart, and dropped with their resource. */
import { isSignedBy, jwkOf, publicKeyOfJwk, sha256Hex } from "#engine/crypto";
import { askHttp, type HttpAnswered, type HttpAsk, type HttpsTrust } from "#engine/http-client";
import type { Cancel, Clock, Timers } from "#engine/time";
import {
  BUNDLE_DOCUMENT_LENGTH_MAX,
  type Bundle,
  bundleSet,
  parseBundleDocument,
  parseCertificate,
  parseTrustDomain,
  type ReadBundle,
  type TrustDomain,
  validateX509Svid,
} from "#identity";
import { type Federation, failure, type Problem, problem, type Resource, type Result, success } from "#model";

/** The part of the server's document store that is needed. */
export interface FederationDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  get(collection: string, id: string): Promise<Result<unknown>>;
  take(collection: string, id: string): Promise<Result<unknown>>;
}

export interface FederationOptions {
  readonly trustDomain: TrustDomain;
  readonly ownBundle: () => Bundle;
  readonly resources: () => readonly Resource[];
  readonly documents: FederationDocuments;
  readonly ask?: (ask: HttpAsk) => Promise<Result<HttpAnswered>>;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "every">;
  /** The bundles changed. */
  readonly onChange: () => void;
  /** Told once of a domain that cannot be followed, and again when the reason changes. */
  readonly onProblem: (problem: Problem) => void;
}

/** How a domain is followed, for people. */
export interface FederationState {
  readonly trustDomain: string;
  /** Undefined before there is a bundle. */
  readonly sequence: number | undefined;
  readonly fetchedAtMs: number | undefined;
  /** Why the last fetch failed; empty when it did not. */
  readonly problem: string;
}

interface Followed {
  readonly resource: Federation;
  readonly trustDomain: TrustDomain;
  bundle: Bundle | undefined;
  fetchedAtMs: number | undefined;
  nextAtMs: number;
  isFetching: boolean;
  problem: string;
}

type Following = ReadonlyMap<TrustDomain, Followed>;

/** What outlives the server: the document as it was fetched, and what the resource brought along at that time. */
interface KeptBundle {
  readonly text?: string;
  readonly brought?: string;
}

const COLLECTION = "federated-bundles";
const LOOK_MS = 500;
/** Bounds of what a publisher may advise, milliseconds. */
const REFRESH_MS = { min: 1000, usual: 300_000, max: 3_600_000 } as const;
const RETRY_MS = 5000;
const TIMEOUT_MS = 10_000;
const CODEC = { jwkOf, publicKeyOfJwk };

export class FederatedBundles {
  readonly #options: FederationOptions;
  #followed: Following = new Map();
  #bundles: readonly Bundle[] = [];
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #cancel: Cancel | undefined;
  #updating: Promise<void> = Promise.resolve();

  constructor(options: FederationOptions) {
    this.#options = options;
  }

  /** Takes up what the resources name, with what was kept of it, and begins to follow. */
  async start(): Promise<void> {
    await this.update();
    this.#cancel = this.#options.timers.every(LOOK_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort();
    await this.#updating;
    await Promise.all(this.#running);
  }

  /** One of each domain. The same array until one of them changes. */
  get bundles(): readonly Bundle[] {
    return this.#bundles;
  }

  get states(): readonly FederationState[] {
    return [...this.#followed.values()].map(({ trustDomain, bundle, fetchedAtMs, problem: why }) => ({
      trustDomain,
      sequence: bundle?.sequence,
      fetchedAtMs,
      problem: why,
    }));
  }

  /** The resources may have changed: a domain that none names any more is dropped at once. One after the other, so that the last holds. */
  update(): Promise<void> {
    this.#updating = this.#updating.then(() => this.#update());
    return this.#updating;
  }

  async #update(): Promise<void> {
    const named = (
      this.#options.resources().filter(({ kind }) => kind === "Federation") as readonly Federation[]
    ).flatMap((resource) => {
      const trustDomain = parseTrustDomain(resource.spec.trustDomain);
      // The own domain is vouched for by its authority alone.
      const isOther = trustDomain.ok && trustDomain.value !== this.#options.trustDomain;
      return isOther ? [[trustDomain.value, resource] as const] : [];
    });
    const before = this.#followed;
    const next = new Map<TrustDomain, Followed>();
    for (const [trustDomain, resource] of named) {
      const held = before.get(trustDomain);
      const isSame = held !== undefined && held.resource === resource;
      next.set(trustDomain, isSame ? held : await this.#begin(trustDomain, resource, next));
    }
    this.#followed = next;
    for (const gone of before.keys()) if (!next.has(gone)) await this.#options.documents.take(COLLECTION, gone);
    this.#publish();
  }

  /**
   * What is kept of an earlier run, unless the resource brings another bundle along than it did then: somebody who brings one does not
   * believe what was fetched before.
   */
  async #begin(trustDomain: TrustDomain, resource: Federation, others: Following): Promise<Followed> {
    const kept = await this.#options.documents.get(COLLECTION, trustDomain);
    const document = kept.ok ? (kept.value as KeptBundle | undefined) : undefined;
    const isKept = document?.brought === undefined || document.brought === broughtBy(resource);
    const text = isKept ? (document?.text ?? resource.spec.trustDomainBundle) : resource.spec.trustDomainBundle;
    const read = text === undefined ? undefined : this.#read(text, trustDomain, others);
    const bundle = read?.ok === true ? read.value.bundle : undefined;
    const why = read?.ok === false ? read.problems[0].message : "";
    return { resource, trustDomain, bundle, fetchedAtMs: undefined, nextAtMs: 0, isFetching: false, problem: why };
  }

  #look(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const each of this.#followed.values()) {
      if (each.isFetching || !isDue(each.nextAtMs, nowMs)) continue;
      each.isFetching = true;
      const run: Promise<void> = this.#fetch(each).finally(() => {
        each.isFetching = false;
        this.#running.delete(run);
      });
      this.#running.add(run);
    }
  }

  async #fetch(followed: Followed): Promise<void> {
    const { clock, onProblem } = this.#options;
    const { trustDomain } = followed;
    const fetched = await this.#ask(followed);
    const read = fetched.ok
      ? notOlder(this.#read(fetched.value, trustDomain, this.#followed), followed.bundle)
      : fetched;
    const nowMs = clock.nowMs();
    // It may have been dropped, or replaced, meanwhile.
    if (this.#followed.get(trustDomain) !== followed) return;
    if (!read.ok) {
      followed.nextAtMs = nowMs + RETRY_MS;
      const [first] = read.problems;
      if (followed.problem !== first.message) onProblem(first);
      followed.problem = first.message;
      return;
    }
    const hintMs = (read.value.refreshHintS ?? REFRESH_MS.usual / 1000) * 1000;
    followed.nextAtMs = nowMs + Math.min(Math.max(hintMs, REFRESH_MS.min), REFRESH_MS.max);
    followed.fetchedAtMs = nowMs;
    followed.problem = "";
    if (isSameBundle(followed.bundle, read.value.bundle)) return;
    followed.bundle = read.value.bundle;
    const kept: KeptBundle = { text: fetched.ok ? fetched.value : "", brought: broughtBy(followed.resource) };
    await this.#options.documents.put(COLLECTION, trustDomain, kept);
    this.#publish();
  }

  async #ask({ resource, bundle, trustDomain }: Followed): Promise<Result<string>> {
    const { bundleEndpointURL: url, bundleEndpointProfile: profile } = resource.spec;
    const { ask = askHttp, clock } = this.#options;
    const trust = trustOf(profile, { bundle, trustDomain, nowMs: clock.nowMs() });
    const answered = await ask({
      url,
      ...(trust === undefined ? {} : { trust }),
      headers: [["accept", "application/json"]],
      timeoutMs: TIMEOUT_MS,
      bytesMax: BUNDLE_DOCUMENT_LENGTH_MAX,
      signal: this.#stopping.signal,
    });
    if (!answered.ok) return answered;
    const { status, body } = answered.value;
    if (status === 200) return success(new TextDecoder().decode(body));
    return failure(problem("HDL_ENGINE_UNREACHABLE", `${url} was not fetched: it answered ${status}.`));
  }

  /** A bundle that holds an authority of another domain would let that one speak for this. */
  #read(text: string, trustDomain: TrustDomain, followed: Following): Result<ReadBundle> {
    const read = parseBundleDocument(text, trustDomain, CODEC);
    if (!read.ok) return read;
    const held = [...followed.values()].flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]));
    const others = [this.#options.ownBundle(), ...held].filter((each) => each.trustDomain !== trustDomain);
    const taken = others.find(({ authorities }) => authorities.some((der) => hasAuthority(read.value.bundle, der)));
    if (taken === undefined) return success(read.value);
    const why = `The bundle of ${trustDomain} holds an authority of ${taken.trustDomain}.`;
    return failure(problem("HDL_FEDERATION_BUNDLE", why));
  }

  #publish(): void {
    const next = [...this.#followed.values()].flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]));
    const isSame = next.length === this.#bundles.length && next.every((each, index) => each === this.#bundles[index]);
    if (isSame) return;
    this.#bundles = next;
    this.#options.onChange();
  }
}

/** A clock that was set back must not keep revocations from being heard of. */
function isDue(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs || atMs - nowMs > REFRESH_MS.max;
}

/**
 * An older document, as caches and replicas that lag behind give out, would let in again who was revoked since. The sequence grows with each
 * change (SPIFFE Trust Domain and Bundle §4.1); 0 stands for none.
 */
function notOlder(read: Result<ReadBundle>, held: Bundle | undefined): Result<ReadBundle> {
  if (!read.ok || held === undefined) return read;
  const { trustDomain, sequence } = read.value.bundle;
  if (sequence === 0 || sequence >= held.sequence) return read;
  const why = `The bundle of ${trustDomain} has the sequence ${sequence} and is older than the one that is held, ${held.sequence}.`;
  const next = "Where its authority began anew, apply the `Federation` with the new bundle as `trustDomainBundle`.";
  return failure(problem("HDL_FEDERATION_BUNDLE", why, { next }));
}

/** By what the endpoint is known; undefined as any web server is. */
function trustOf(
  profile: Federation["spec"]["bundleEndpointProfile"],
  { bundle, trustDomain, nowMs }: Pick<Followed, "bundle" | "trustDomain"> & { readonly nowMs: number },
): HttpsTrust | undefined {
  if (profile.type === "https_web") {
    const { caCertificates: authoritiesPem } = profile;
    return authoritiesPem === undefined ? undefined : { by: "authorities", authoritiesPem };
  }
  const bundles = bundleSet(bundle === undefined ? [] : [bundle]);
  return {
    by: "certificate",
    accept(leafDer) {
      const leaf = parseCertificate(leafDer);
      const id = leaf.ok ? validateX509Svid(leaf.value, { nowMs, bundles, isSignedBy }) : leaf;
      if (!id.ok || id.value.uri === profile.endpointSPIFFEID) return id;
      return failure(problem("HDL_FEDERATION_ENDPOINT", `The endpoint of ${trustDomain} is ${id.value.uri}.`));
    },
  };
}

function hasAuthority({ authorities }: Bundle, der: Uint8Array): boolean {
  return authorities.some((each) => Buffer.from(each).equals(der));
}

function broughtBy({ spec }: Federation): string {
  return sha256Hex(spec.trustDomainBundle ?? "");
}

/** Whoever reads them is told the same by both. The sequence alone says nothing. */
function isSameBundle(a: Bundle | undefined, b: Bundle): boolean {
  return a !== undefined && contentOf(a) === contentOf(b);
}

function contentOf({ authorities, jwtAuthorities = [], revocations = [] }: Bundle): string {
  const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
  const keys = jwtAuthorities.map(({ keyId, publicKeyInfo }) => [keyId, hex(publicKeyInfo)]);
  return JSON.stringify([authorities.map(hex), keys, revocations]);
}

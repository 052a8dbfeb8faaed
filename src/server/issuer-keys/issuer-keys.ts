/**
 * The keys of all issuers that policies name, kept fresh: fetched here once for the whole mesh, since agents fetch nothing. What was
 * fetched outlives a server that starts again and an issuer that is away for a while.
 */
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import { type IssuerKeys, issuerKeyName } from "#mesh";
import { type Failure, failure, type IssuerKeySource, problem, type Resource, type Result } from "#model";
import { type Ask, fetchKeys } from "./fetch-keys.ts";

/** By the name of their source. */
export type KeptKeys = Readonly<Record<string, { readonly jwks: string; readonly fetchedAtMs: number }>>;

export interface KeptKeysStore {
  readonly load: () => Promise<Result<KeptKeys>>;
  readonly save: (keys: KeptKeys) => Promise<Result<void>>;
}

export interface IssuerKeyringOptions {
  readonly ask: Ask;
  readonly store: KeptKeysStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "after">;
  readonly random: Pick<Random, "next">;
  /** The keys are others than they were. */
  readonly onChange: () => void;
  /** An issuer's keys could not be fetched, and before they could; or the store failed. */
  readonly onFailure: (failed: Failure) => void;
}

/** An issuer publishes a new key before it signs with it; five minutes is Envoy's pace too. */
const REFRESH_MS = 300_000;
const RETRY_MS_MIN = 2000;
/** Who sends tokens with keys that nobody knows may be anybody: no issuer is asked more often for it. */
const SOONER_MS_MIN = 10_000;
/** Keys that cannot be fetched anew are good for a day. After that a key that was withdrawn must not go on. */
const KEPT_MS_MAX = 86_400_000;
/** More are not fetched: their tokens are refused. */
const SOURCES_MAX = 256;

type Source = Exclude<IssuerKeySource, { readonly kind: "inline" }>;

interface Wanted {
  readonly source: Source;
  readonly timeoutMs: number;
  /** As the rules name them that take keys from there. */
  readonly issuers: ReadonlySet<string>;
}

interface Watched {
  readonly name: string;
  readonly source: Source;
  timeoutMs: number;
  issuers: ReadonlySet<string>;
  isAsking: boolean;
  /** When it was last asked, and when it will be again. */
  askedAtMs: number;
  nextAtMs: number;
  failures: number;
  cancel: Cancel;
  readonly abort: AbortController;
}

export class IssuerKeyring {
  readonly #options: IssuerKeyringOptions;
  readonly #watched = new Map<string, Watched>();
  #kept: KeptKeys = {};
  #authorities: ReadonlyMap<string, string> = new Map();
  #keys: IssuerKeys = new Map();
  #isStopped = false;

  constructor(options: IssuerKeyringOptions) {
    this.#options = options;
  }

  /** As far as they are known; the same map until one is another. */
  get keys(): IssuerKeys {
    return this.#keys;
  }

  /** Reads what was fetched before. To be called first, so that no agent loses keys because the server started again. */
  async start(): Promise<Result<void>> {
    const loaded = await this.#options.store.load();
    if (!loaded.ok) return loaded;
    this.#kept = loaded.value;
    this.#publish();
    return { ok: true, value: undefined };
  }

  /** From now on the issuers of these policies are looked after, and no others. */
  watch(resources: readonly Resource[]): void {
    if (this.#isStopped) return;
    const wanted = wantedSources(resources);
    const isOtherTrust = this.#trust(resources);
    this.#letGo(wanted);
    for (const [name, each] of wanted) {
      const held = this.#watched.get(name);
      if (held !== undefined) Object.assign(held, { timeoutMs: each.timeoutMs, issuers: each.issuers });
      else if (this.#watched.size < SOURCES_MAX) this.#begin(name, each);
    }
    const failing = [...this.#watched.values()].filter(({ failures }) => failures > 0);
    if (isOtherTrust) for (const each of failing) this.#fetchSooner(each, 0);
  }

  /** Nobody wants the keys of others any more. */
  #letGo(wanted: ReadonlyMap<string, Wanted>): void {
    for (const [name, watched] of this.#watched) {
      if (wanted.has(name)) continue;
      end(watched);
      this.#watched.delete(name);
    }
    const kept = Object.entries(this.#kept).filter(([name]) => wanted.has(name));
    if (kept.length < Object.keys(this.#kept).length) this.#keep(Object.fromEntries(kept));
  }

  /** Takes in who vouches for issuers' hosts; whether that is another than before. */
  #trust(resources: readonly Resource[]): boolean {
    const next = authoritiesOf(resources);
    const isSame =
      next.size === this.#authorities.size && [...next].every(([host, pem]) => this.#authorities.get(host) === pem);
    this.#authorities = next;
    return !isSame;
  }

  /** The issuer may have begun to sign with another key: it is asked now, or as soon as it may be asked again. */
  lookSooner(issuer: string): void {
    for (const watched of this.#watched.values())
      if (watched.issuers.has(issuer)) this.#fetchSooner(watched, SOONER_MS_MIN);
  }

  #fetchSooner(watched: Watched, quietMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    const waitMs = Math.max(watched.askedAtMs + quietMs - nowMs, 0);
    if (watched.isAsking || nowMs + waitMs >= watched.nextAtMs) return;
    watched.cancel();
    this.#fetchAfter(watched, waitMs);
  }

  stop(): void {
    this.#isStopped = true;
    for (const watched of this.#watched.values()) end(watched);
    this.#watched.clear();
  }

  #begin(name: string, wanted: Wanted): void {
    const times = { isAsking: false, askedAtMs: 0, nextAtMs: 0, failures: 0 };
    const watched: Watched = { name, ...wanted, ...times, cancel: () => undefined, abort: new AbortController() };
    this.#watched.set(name, watched);
    this.#fetch(watched);
  }

  #fetch(watched: Watched): void {
    const { source, timeoutMs, abort } = watched;
    watched.askedAtMs = this.#options.clock.nowMs();
    watched.isAsking = true;
    const authorities = this.#authorities;
    fetchKeys(this.#options.ask, { source, timeoutMs, authorities, signal: abort.signal }).then(
      (fetched) => {
        watched.isAsking = false;
        if (!abort.signal.aborted) this.#fetched(watched, fetched);
      },
      (cause: unknown) => this.#broken(cause),
    );
  }

  #fetched(watched: Watched, fetched: Result<string>): void {
    const { clock, onFailure } = this.#options;
    const nowMs = clock.nowMs();
    if (fetched.ok) {
      watched.failures = 0;
      this.#keep({ ...this.#kept, [watched.name]: { jwks: fetched.value, fetchedAtMs: nowMs } });
      return this.#again(watched, REFRESH_MS);
    }
    if (watched.failures === 0) onFailure(fetched);
    watched.failures++;
    const kept = this.#kept[watched.name];
    if (kept !== undefined && nowMs - kept.fetchedAtMs > KEPT_MS_MAX) {
      const { [watched.name]: _, ...others } = this.#kept;
      this.#keep(others);
    }
    this.#again(watched, Math.min(RETRY_MS_MIN * 2 ** (watched.failures - 1), REFRESH_MS));
  }

  /** A tenth earlier or later, so that not all issuers are asked at once. */
  #again(watched: Watched, ms: number): void {
    this.#fetchAfter(watched, ms * (0.9 + 0.2 * this.#options.random.next()));
  }

  #fetchAfter(watched: Watched, ms: number): void {
    const { timers, clock } = this.#options;
    watched.nextAtMs = clock.nowMs() + ms;
    watched.cancel = timers.after(ms, () => this.#fetch(watched));
  }

  #keep(kept: KeptKeys): void {
    this.#kept = kept;
    this.#publish();
    this.#options.store.save(kept).then(
      (saved) => {
        if (!saved.ok) this.#options.onFailure(saved);
      },
      (cause: unknown) => this.#broken(cause),
    );
  }

  /** Neither fetching nor saving throws, but by a fault of ours. */
  #broken(cause: unknown): void {
    this.#options.onFailure(failure(problem("HDL_INTERNAL", `The keys of issuers: ${String(cause)}`, { cause })));
  }

  #publish(): void {
    const next = new Map(Object.entries(this.#kept).map(([name, { jwks }]) => [name, jwks]));
    const isSame = next.size === this.#keys.size && [...next].every(([name, jwks]) => this.#keys.get(name) === jwks);
    if (isSame) return;
    this.#keys = next;
    this.#options.onChange();
  }
}

function end({ cancel, abort }: Watched): void {
  cancel();
  abort.abort();
}

/** By host. */
function authoritiesOf(resources: readonly Resource[]): ReadonlyMap<string, string> {
  const given = resources.flatMap((each) => (each.kind === "Mesh" ? each.spec.issuerAuthorities : []));
  return new Map(given.flatMap(({ hosts, caCertificates }) => hosts.map((host) => [host, caCertificates] as const)));
}

/** By name. Rules that share a source share its fetches, and the longest of their timeouts. */
function wantedSources(resources: readonly Resource[]): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const resource of resources) {
    if (resource.kind !== "RequestAuthentication") continue;
    for (const { keys, timeoutMs, issuer } of resource.spec.jwtRules) {
      const name = issuerKeyName(keys);
      if (name === undefined || keys.kind === "inline") continue;
      const held = wanted.get(name);
      wanted.set(name, {
        source: keys,
        timeoutMs: Math.max(timeoutMs, held?.timeoutMs ?? 0),
        issuers: new Set([...(held?.issuers ?? []), issuer]),
      });
    }
  }
  return wanted;
}

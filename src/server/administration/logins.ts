import { sha256Hex } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";
import type { DeviceLogin, IdentityProvider, PendingLogin, Person } from "./identity-provider.ts";

export interface LoginsOptions {
  readonly provider: Pick<IdentityProvider, "begin" | "finish" | "beginDevice">;
  /** Where the provider sends browsers back to. */
  readonly redirectUri: string;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

/** How a login on another device goes. */
export type DeviceProgress =
  | { readonly state: "waiting" }
  | { readonly state: "done"; readonly outcome: Result<Person> };

interface Device {
  readonly address: string;
  readonly expiresAtMs: number;
  progress: DeviceProgress;
}

const LOGIN_LIFE_MS = 600_000;
const PENDING_MAX = 4096;
const DEVICES_MAX = 256;
/** Nobody needs more at once; otherwise one address could keep all others from logging in. */
const DEVICES_PER_ADDRESS_MAX = 4;

/** Logins that have begun and not ended: each is bound to the browser or the command that began it, good once, and bounded. */
export class Logins {
  readonly #options: LoginsOptions;
  readonly #pending = new Map<string, { readonly login: PendingLogin; readonly expiresAtMs: number }>();
  readonly #devices = new Map<string, Device>();
  readonly #stopped = new AbortController();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** `binding` goes into a cookie of the browser that is sent to `url`: another browser cannot finish its login. */
  async begin(): Promise<Result<{ readonly url: string; readonly binding: string; readonly lifeMs: number }>> {
    const { provider, redirectUri, clock } = this.#options;
    const begun = await provider.begin(redirectUri);
    if (!begun.ok) return begun;
    const binding = this.#secret();
    this.#pending.set(sha256Hex(binding), { login: begun.value.pending, expiresAtMs: clock.nowMs() + LOGIN_LIFE_MS });
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > PENDING_MAX && oldest !== undefined) this.#pending.delete(oldest);
    return success({ url: begun.value.url, binding, lifeMs: LOGIN_LIFE_MS });
  }

  /** Who came back with the query that the provider gave. */
  async finish(binding: string, query: string): Promise<Result<Person>> {
    const { provider, redirectUri, clock } = this.#options;
    const key = sha256Hex(binding);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    if (pending === undefined || pending.expiresAtMs <= clock.nowMs())
      return failure(problem("HDL_API_LOGIN", "no login was begun in this browser, or too long ago"));
    return provider.finish(new URL(`${redirectUri}?${query}`), pending.login);
  }

  /** `handle` is for the command alone that began it: whoever has it gets the session. */
  async beginDevice(address: string): Promise<Result<DeviceLogin & { readonly handle: string }>> {
    const { provider, clock } = this.#options;
    this.#forgetEnded();
    const own = [...this.#devices.values()].filter((each) => each.address === address);
    if (own.length >= DEVICES_PER_ADDRESS_MAX || this.#devices.size >= DEVICES_MAX)
      return failure(problem("HDL_API_LOGIN", "too many logins wait to be finished; try again later"));
    const begun = await provider.beginDevice(this.#stopped.signal);
    if (!begun.ok) return begun;
    const handle = this.#secret();
    const expiresAtMs = clock.nowMs() + begun.value.expiresInS * 1000;
    const device: Device = { address, expiresAtMs, progress: { state: "waiting" } };
    this.#devices.set(sha256Hex(handle), device);
    void begun.value.person.then((outcome) => {
      device.progress = { state: "done", outcome };
    });
    return success({ ...begun.value, handle });
  }

  /** What ended is told once. Undefined for a handle that is not known. */
  pollDevice(handle: string): DeviceProgress | undefined {
    const key = sha256Hex(handle);
    const device = this.#devices.get(key);
    if (device?.progress.state === "done") this.#devices.delete(key);
    return device?.progress;
  }

  /** Ends every wait. */
  stop(): void {
    this.#stopped.abort();
  }

  /** An outcome waits for its command a little longer than the login may take. */
  #forgetEnded(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, { expiresAtMs }] of this.#devices) {
      if (expiresAtMs + LOGIN_LIFE_MS <= nowMs) this.#devices.delete(key);
    }
  }

  #secret(): string {
    return this.#options.random.bytes(32).toBase64({ alphabet: "base64url", omitPadding: true });
  }
}

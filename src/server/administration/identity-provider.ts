import * as oidc from "openid-client";
import type { Clock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";
import type { Administrator } from "./administrator.ts";

/** The OpenID provider that knows the people, and what this server is to it. */
export interface IdentityProviderOptions {
  /** Of OpenID Connect Discovery 1.0: the configuration is below it, and every ID token must name it. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret: string | undefined;
  readonly scopes: string;
  /** The claim that lists somebody's groups. */
  readonly groupsClaim: string;
  readonly clock: Pick<Clock, "nowMs">;
}

export type Person = Extract<Administrator, { readonly kind: "person" }>;

/** What the browser that begins a login must bring back. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE (RFC 7636). */
  readonly verifier: string;
}

export interface DeviceLogin {
  readonly userCode: string;
  readonly verificationUri: string;
  readonly expiresInS: number;
  readonly intervalS: number;
  /** Who it was in the end. */
  readonly person: Promise<Result<Person>>;
}

const TIMEOUT_S = 10;
const METADATA_LIFE_MS = 300_000;
const DEVICE_LIFE_MAX_S = 900;
const GROUPS_MAX = 256;
const CLAIM_LENGTH_MAX = 255;

/**
 * Lets people prove who they are: authorization code with PKCE in a browser, device authorization (RFC 8628) elsewhere. An ID token is
 * taken only with a signature by a key that the provider publishes at that moment, for this client, from this issuer, within its time, and with
 * the nonce of the login that asked for it.
 */
export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  #metadata: { readonly value: oidc.ServerMetadata; readonly atMs: number } | undefined;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
  }

  /** Where a browser is sent to log in. */
  begin(redirectUri: string): Promise<Result<{ readonly url: string; readonly pending: PendingLogin }>> {
    return this.#guard(async () => {
      const configuration = await this.#configuration();
      const pending = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: this.#options.scopes,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: "S256",
      });
      return { url: url.href, pending };
    });
  }

  /** Who came back, by the URL to which the provider sent the browser. */
  finish(returned: URL, { state, nonce, verifier }: PendingLogin): Promise<Result<Person>> {
    return this.#guard(async () => {
      const tokens = await oidc.authorizationCodeGrant(await this.#configuration(), returned, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      return this.#personOf(tokens.claims());
    });
  }

  /** Begins a login that is finished on another device; waits for its end until `signal` says otherwise. */
  beginDevice(signal: AbortSignal): Promise<Result<DeviceLogin>> {
    return this.#guard(async () => {
      const begun = await oidc.initiateDeviceAuthorization(await this.#configuration(), {
        scope: this.#options.scopes,
      });
      const expiresInS = Math.min(begun.expires_in, DEVICE_LIFE_MAX_S);
      const ends = AbortSignal.any([signal, AbortSignal.timeout(expiresInS * 1000)]);
      const person = this.#guard(async () => {
        const tokens = await oidc.pollDeviceAuthorizationGrant(await this.#configuration(), begun, undefined, {
          signal: ends,
        });
        return this.#personOf(tokens.claims());
      });
      return {
        userCode: begun.user_code,
        verificationUri: begun.verification_uri_complete ?? begun.verification_uri,
        expiresInS,
        intervalS: begun.interval ?? 5,
        person,
      };
    });
  }

  /** Made anew for each login, so that the keys are those that the provider publishes now: a new one is known at once, and a withdrawn one no more. */
  async #configuration(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, clock } = this.#options;
    const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret);
    const nowMs = clock.nowMs();
    const isPlain = issuer.startsWith("http:");
    if (this.#metadata === undefined || nowMs - this.#metadata.atMs > METADATA_LIFE_MS) {
      const found = await oidc.discovery(new URL(issuer), clientId, undefined, authentication, {
        timeout: TIMEOUT_S,
        ...(isPlain ? { execute: [oidc.allowInsecureRequests] } : {}),
      });
      this.#metadata = { value: found.serverMetadata(), atMs: nowMs };
    }
    const configuration = new oidc.Configuration(this.#metadata.value, clientId, undefined, authentication);
    configuration.timeout = TIMEOUT_S;
    if (isPlain) oidc.allowInsecureRequests(configuration);
    oidc.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  #personOf(claims: oidc.IDToken | undefined): Person {
    const subject = claims?.sub ?? "";
    if (claims === undefined || subject === "" || subject.length > CLAIM_LENGTH_MAX)
      throw new Error("no usable ID token");
    const isVerified = claims["email_verified"] === true && typeof claims["email"] === "string";
    const groups: unknown = claims[this.#options.groupsClaim];
    return {
      kind: "person",
      subject,
      email: isVerified ? String(claims["email"]).slice(0, CLAIM_LENGTH_MAX) : undefined,
      groups: Array.isArray(groups) ? groups.filter((each) => typeof each === "string").slice(0, GROUPS_MAX) : [],
    };
  }

  /** Why a login failed is told in the provider's or the library's words, which hold no secret. */
  async #guard<T>(step: () => Promise<T>): Promise<Result<T>> {
    try {
      return success(await step());
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return failure(problem("HDL_API_LOGIN", `the login did not succeed: ${reason}`, { cause }));
    }
  }
}

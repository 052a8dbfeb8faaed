/** An OpenID provider on loopback with real keys, which can be told to go wrong: Discovery, JWKS, authorization code with PKCE, device flow. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

interface Claims {
  readonly [name: string]: unknown;
}

/** One way in which an ID token is not as it must be. */
export type Forgery =
  | { readonly kind: "claims"; readonly claims: Claims }
  | { readonly kind: "foreign-key" }
  | { readonly kind: "unsigned" }
  | { readonly kind: "unpublished-key" };

interface Grant {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirectUri: string;
}

interface Key {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomBytes(8).toString("hex");
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" } };
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export class FakeOidcServer {
  readonly clientId = "heddle";
  readonly clientSecret = "secret of the client";
  person: Claims = { sub: "248289761001", email: "ada@example.org", email_verified: true, groups: ["sre"] };
  forgery: Forgery | undefined;
  /** Whether a person has entered the device's code. */
  isDeviceApproved = false;
  /** Authorization requests, as the browser brought them. */
  readonly asked: URLSearchParams[] = [];
  #key = newKey();
  readonly #codes = new Map<string, Grant>();
  readonly #server: Bun.Server<undefined>;

  readonly #host: string;

  /** `localhost` is another site than the address, for a browser. */
  constructor(host: "127.0.0.1" | "localhost" = "127.0.0.1") {
    this.#host = host;
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => this.#answer(request) });
  }

  get issuer(): string {
    return `http://${this.#host}:${this.#server.port}`;
  }

  /** The old key is published no more. */
  rotateKey(): void {
    this.#key = newKey();
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const form = request.method === "POST" ? new URLSearchParams(await request.text()) : new URLSearchParams();
    switch (pathname) {
      case "/.well-known/openid-configuration":
        return Response.json(this.#metadata());
      case "/jwks":
        return Response.json({ keys: [this.#key.jwk] });
      case "/authorize":
        return this.#authorize(searchParams);
      case "/device":
        return this.#isClient(request) ? Response.json(this.#device()) : refusal("invalid_client");
      case "/token":
        return this.#isClient(request) ? this.#token(form) : refusal("invalid_client");
      default:
        return new Response("not found", { status: 404 });
    }
  }

  #metadata(): object {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      device_authorization_endpoint: `${issuer}/device`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      code_challenge_methods_supported: ["S256"],
    };
  }

  #isClient(request: Request): boolean {
    const [id = "", secret = ""] = Buffer.from(request.headers.get("authorization")?.slice(6) ?? "", "base64")
      .toString()
      .split(":");
    const plain = (text: string): string => decodeURIComponent(text.replaceAll("+", " "));
    return plain(id) === this.clientId && plain(secret) === this.clientSecret;
  }

  /** The person is at the provider already and agrees at once. */
  #authorize(asked: URLSearchParams): Response {
    this.asked.push(asked);
    const code = randomBytes(16).toString("hex");
    const redirectUri = asked.get("redirect_uri") ?? "";
    this.#codes.set(code, {
      challenge: asked.get("code_challenge") ?? "",
      nonce: asked.get("nonce") ?? "",
      redirectUri,
    });
    const location = new URL(redirectUri);
    location.searchParams.set("code", code);
    location.searchParams.set("state", asked.get("state") ?? "");
    return new Response(null, { status: 302, headers: { location: location.href } });
  }

  #device(): object {
    return {
      device_code: "of the device",
      user_code: "WDJB-MJHT",
      verification_uri: `${this.issuer}/activate`,
      expires_in: 60,
      interval: 1,
    };
  }

  #token(form: URLSearchParams): Response {
    if (form.get("grant_type") === "urn:ietf:params:oauth:grant-type:device_code") {
      if (form.get("device_code") !== "of the device") return refusal("invalid_grant");
      return this.isDeviceApproved ? this.#tokens({}) : refusal("authorization_pending");
    }
    const grant = this.#codes.get(form.get("code") ?? "");
    this.#codes.delete(form.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (grant?.challenge !== challenge || grant.redirectUri !== form.get("redirect_uri"))
      return refusal("invalid_grant");
    return this.#tokens({ nonce: grant.nonce });
  }

  #tokens(own: Claims): Response {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: this.issuer, aud: this.clientId, iat, exp: iat + 300, ...this.person, ...own };
    return Response.json({
      access_token: "of no use",
      token_type: "Bearer",
      expires_in: 300,
      id_token: this.#sign(claims),
    });
  }

  #sign(claims: Claims): string {
    const { forgery } = this;
    const altered = forgery?.kind === "claims" ? { ...claims, ...forgery.claims } : claims;
    const foreign = forgery?.kind === "foreign-key" || forgery?.kind === "unpublished-key" ? newKey() : undefined;
    const { privateKey } = foreign ?? this.#key;
    const kid = forgery?.kind === "unpublished-key" ? foreign?.kid : this.#key.kid;
    const alg = forgery?.kind === "unsigned" ? "none" : "ES256";
    const text = `${base64url({ alg, kid, typ: "JWT" })}.${base64url(altered)}`;
    if (alg === "none") return `${text}.`;
    return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }
}

function refusal(error: string): Response {
  return Response.json({ error }, { status: error === "invalid_client" ? 401 : 400 });
}

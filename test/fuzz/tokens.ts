/** Requests with tokens: whatever stands in them, only what the issuer has signed is taken, and nothing throws. */
import { compileTokenRules, type TokenRule } from "#authentication";
import { importTokenKey, sha256Hex } from "#engine/crypto";
import { ed25519Key, encode, signingIssuer, tokenRule } from "../fakes/token-issuer.ts";
import type { Chance } from "./chance.ts";
import { pureChecker, type Target } from "./target.ts";

/** Always the same key and token, so that a find can be repeated. */
const ISSUER = signingIssuer("https://id.example", {
  algorithm: "EdDSA",
  privateKey: ed25519Key(new Uint8Array(32).fill(7)),
});
const TOKEN = ISSUER.token({ iat: 1_700_000_000, exp: 4_000_000_000, role: "buyer" });
const [HEAD = "", PAYLOAD = "", SIGNATURE = ""] = TOKEN.split(".");
const NOW_MS = 1_800_000_000_000;

const from: TokenRule["from"] = {
  headers: [
    { name: "authorization", prefix: "Bearer " },
    { name: "x-jwt", prefix: "" },
  ],
  params: ["access_token"],
  cookies: ["session"],
};
const output = { payloadHeader: "x-payload", claimHeaders: [{ header: "x-user", claim: "sub" }] };

/** One line is the path, and each that follows a field. */
export const tokens: Target = {
  name: "tokens",
  share: 0.5,
  make(chance) {
    const path = chance.odds(0.3) ? `/a?x=1&access_token=${tokenOf(chance)}` : "/a";
    const lines = Array.from({ length: chance.int(4) }, () => fieldOf(chance));
    return Buffer.from([path, ...lines].join("\n"), "latin1");
  },
  open: () => pureChecker((input) => check(input.toString("latin1"))),
};

function tokenOf(chance: Chance): string {
  const head = chance.mostly([HEAD, encode({ alg: "none" }), encode({ alg: "HS256", kid: "k1" }), encode([]), ""], 0.3);
  const payload = chance.mostly([PAYLOAD, encode({ iss: ISSUER.issuer, sub: "root" }), encode("x"), ""], 0.3);
  const signature = chance.mostly([SIGNATURE, "", "A".repeat(86), `${SIGNATURE}.x`], 0.3);
  return `${head}.${payload}.${signature}`;
}

function fieldOf(chance: Chance): string {
  const token = tokenOf(chance);
  return chance.mostly(
    [
      `authorization: Bearer ${token}`,
      `x-jwt: ${token}`,
      `cookie: a=b; session=${token}`,
      "x-user: root",
      "x-payload: e30",
    ],
    0.8,
  );
}

function check(text: string): string | undefined {
  const authenticator = compileTokenRules([tokenRule(ISSUER, { from, output })], {
    importKey: importTokenKey,
    digest: sha256Hex,
  });
  const [path = "", ...lines] = text.split("\n");
  const fields = lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return colon < 1 ? [] : [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const found = authenticator?.authenticate({ fields, path }, NOW_MS);
  if (found === undefined || found.kind === "refused") return undefined;
  const said = found.fields.filter((_, index) => found.fields[index - 1] === "x-user" && index % 2 === 1);
  if (found.claims === undefined) return said.length === 0 ? undefined : "a caller without a token says who it is";
  if (found.claims["sub"] !== "ada" || found.claims["role"] !== "buyer") return "claims that nobody has signed";
  if (!decodedIn(text).includes(TOKEN)) return "a token was taken that is not there";
  return said.length === 1 && said[0] === "ada" ? undefined : `the app is told ${JSON.stringify(said)}`;
}

/** What was damaged into an escape may still be the token. */
function decodedIn(text: string): string {
  return text.replaceAll(/%[0-9A-Fa-f]{2}/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}

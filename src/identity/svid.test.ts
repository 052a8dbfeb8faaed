import { describe, expect, test } from "bun:test";
import { generateSigningKey, isSignedBy } from "#engine/crypto";
import type { Result } from "#model";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { bundleSet, parseCertificate, type SpiffeId, type SvidChecks, validateX509Svid } from "./index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const HOUR_MS = 3_600_000;
const ours = fakeAuthority("ours.example", NOW_MS);
const theirs = fakeAuthority("theirs.example", NOW_MS);
const catalog = "spiffe://ours.example/ns/shop/sa/catalog";

const checks: SvidChecks = { nowMs: NOW_MS, bundles: bundleSet([ours.bundle]), isSignedBy };

function codeOf(result: Result<SpiffeId>): string {
  return result.ok ? result.value.uri : result.problems[0].code;
}

function validate(der: Uint8Array, other: Partial<SvidChecks> = {}): string {
  const facts = parseCertificate(der);
  return facts.ok ? codeOf(validateX509Svid(facts.value, { ...checks, ...other })) : facts.problems[0].code;
}

/** The same certificate with one run of bytes replaced: its signature no longer holds, but profile checks come first. */
function patched(der: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(der);
  const at = copy.findIndex((_, start) => from.every((octet, offset) => copy[start + offset] === octet));
  if (at < 0) throw new Error("nothing to patch");
  copy.set(to, at);
  return copy;
}

describe("an X.509-SVID", () => {
  test("of our authority is the workload that it names", () => {
    expect(validate(ours.leaf(catalog))).toBe(catalog);
  });

  test("that is an authority is refused, even when ours signed it", () => {
    expect(validate(ours.leaf(catalog, { role: { kind: "authority", pathLength: 0 } }))).toBe(
      "HDL_IDENTITY_SVID_INVALID",
    );
  });

  test("cannot vouch for another leaf", () => {
    const leafKey = generateSigningKey();
    const stolen = ours.leaf(catalog, { publicKeyInfo: leafKey.publicKeyInfo });
    const forged = ours.leaf("spiffe://ours.example/ns/shop/sa/payments", { signer: leafKey });
    expect(validate(forged)).toBe("HDL_IDENTITY_SVID_UNTRUSTED");
    const careless = { ...ours.bundle, authorities: [stolen] };
    expect(validate(forged, { bundles: bundleSet([careless]), isSignedBy: () => true })).toBe(
      "HDL_IDENTITY_SVID_UNTRUSTED",
    );
  });

  test("with two URI names is refused", () => {
    const one = ours.leaf(catalog, { dnsNames: ["spiffe:.bbb"] });
    const dnsName = [0x82, 11, ...new TextEncoder().encode("spiffe:.bbb")];
    expect(validate(patched(one, dnsName, [0x86, 11, ...new TextEncoder().encode("spiffe://bb")]))).toBe(
      "HDL_IDENTITY_SVID_INVALID",
    );
  });

  test("without URI name, or with one that is no SPIFFE ID, is refused", () => {
    const uri = [...new TextEncoder().encode(catalog)];
    expect(validate(patched(ours.leaf(catalog), [0x86, uri.length, ...uri], [0x82]))).toBe("HDL_IDENTITY_SVID_INVALID");
    expect(validate(ours.leaf("https://ours.example/ns/shop/sa/catalog"))).toBe("HDL_IDENTITY_SPIFFE_ID_INVALID");
    expect(validate(ours.leaf("spiffe://ours.example"))).toBe("HDL_IDENTITY_SVID_INVALID");
  });

  test.each([
    ["key usage missing", [0x55, 0x1d, 0x0f], [0x55, 0x1d, 0x7f]],
    ["key usage not critical", [0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff], [0x55, 0x1d, 0x0f, 0x01, 0x01, 0x00]],
    ["keyCertSign", [0x03, 0x02, 0x07, 0x80], [0x03, 0x02, 0x02, 0x84]],
    ["cRLSign", [0x03, 0x02, 0x07, 0x80], [0x03, 0x02, 0x01, 0x82]],
    ["no digitalSignature", [0x03, 0x02, 0x07, 0x80], [0x03, 0x02, 0x05, 0x20]],
    ["no client authentication", [0x07, 0x03, 0x02], [0x07, 0x03, 0x09]],
    ["no server authentication", [0x07, 0x03, 0x01], [0x07, 0x03, 0x09]],
    ["names not critical without subject", [0x55, 0x1d, 0x11, 0x01, 0x01, 0xff], [0x55, 0x1d, 0x11, 0x01, 0x01, 0x00]],
  ])("with %s is refused", (_what, from, to) => {
    expect(validate(patched(ours.leaf(catalog), from, to))).toBe("HDL_IDENTITY_SVID_INVALID");
  });

  test("that is expired or not yet valid is refused, but for the skew that is allowed", () => {
    const expired = ours.leaf(catalog, { notAfterMs: NOW_MS - 2000 });
    expect(validate(expired)).toBe("HDL_IDENTITY_SVID_EXPIRED");
    expect(validate(expired, { skewMs: 5000 })).toBe(catalog);
    const early = ours.leaf(catalog, { notBeforeMs: NOW_MS + 2000 });
    expect(validate(early)).toBe("HDL_IDENTITY_SVID_NOT_YET_VALID");
    expect(validate(early, { skewMs: 5000 })).toBe(catalog);
  });

  test("of a foreign trust domain is refused until that domain's own bundle is held", () => {
    const foreign = theirs.leaf("spiffe://theirs.example/ns/shop/sa/catalog");
    expect(validate(foreign)).toBe("HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN");
    expect(validate(foreign, { bundles: bundleSet([ours.bundle, theirs.bundle]) })).toBe(
      "spiffe://theirs.example/ns/shop/sa/catalog",
    );
  });

  test("of a federated domain cannot claim a name of ours", () => {
    const both = bundleSet([ours.bundle, theirs.bundle]);
    expect(validate(theirs.leaf(catalog), { bundles: both })).toBe("HDL_IDENTITY_SVID_UNTRUSTED");
  });

  test("signed by a stranger who bears our authority's name is refused", () => {
    expect(validate(ours.leaf(catalog, { signer: generateSigningKey() }))).toBe("HDL_IDENTITY_SVID_UNTRUSTED");
  });

  test("of an authority that is no longer valid is refused", () => {
    const later = { nowMs: NOW_MS + 2 * HOUR_MS };
    expect(validate(ours.leaf(catalog, { notAfterMs: NOW_MS + 9 * HOUR_MS }), later)).toBe(
      "HDL_IDENTITY_SVID_UNTRUSTED",
    );
  });

  test("with a critical extension that nobody understands is refused", () => {
    const odd = patched(ours.leaf(catalog), [0x55, 0x1d, 0x11, 0x01, 0x01, 0xff], [0x55, 0x1d, 0x7f, 0x01, 0x01, 0xff]);
    expect(validate(odd)).toBe("HDL_IDENTITY_SVID_INVALID");
  });
});

test("of two bundles for one domain the newer holds, in any order", () => {
  const older = { ...ours.bundle, sequence: 1 };
  const newer = { ...ours.bundle, sequence: 2 };
  expect(bundleSet([older, newer]).get(ours.trustDomain)).toBe(newer);
  expect(bundleSet([newer, older]).get(ours.trustDomain)).toBe(newer);
});

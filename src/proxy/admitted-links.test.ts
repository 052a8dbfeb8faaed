import { expect, test } from "bun:test";
import { isSignedBy } from "#engine/crypto";
import { type AdmittedSvid, admitX509Svid, type Bundle, bundleSet, parseCertificate } from "#identity";
import { valueOrThrow } from "#model";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { AdmittedLinks } from "./admitted-links.ts";

const authority = fakeAuthority("shop.example");
const other = fakeAuthority("other.example");
const both = bundleSet([authority.bundle, other.bundle]);

function admitted(by: typeof authority, account: string): AdmittedSvid {
  const leaf = valueOrThrow(parseCertificate(by.leaf(`spiffe://${by.trustDomain}/ns/shop/sa/${account}`)));
  return valueOrThrow(admitX509Svid(leaf, { nowMs: Date.now(), bundles: both, isSignedBy }));
}

const cart = admitted(authority, "cart");
const back = admitted(authority, "back");
const foreign = admitted(other, "cart");

function reviewed(bundles: readonly Bundle[]): readonly string[] {
  const links = new AdmittedLinks();
  const told: string[] = [];
  for (const [name, svid] of Object.entries({ cart, back, foreign }))
    links.add({ drain: () => told.push(`${name} drains`), destroy: () => told.push(`${name} ends`) }, svid);
  links.review(bundleSet(bundles));
  return told;
}

const revoking = (revocations: Bundle["revocations"] & object): Bundle => ({ ...authority.bundle, revocations });
const expiresAtMs = Date.now() + 60_000;

test.each([
  ["nothing has changed", [authority.bundle, other.bundle], []],
  ["a domain is trusted no more", [authority.bundle], ["foreign ends"]],
  [
    "an authority was replaced",
    [{ ...authority.bundle, authorities: [fakeAuthority("shop.example").der] }, other.bundle],
    ["cart drains", "back drains"],
  ],
  [
    "one certificate was revoked",
    [revoking([{ kind: "certificate", serial: back.serial, expiresAtMs }]), other.bundle],
    ["back ends"],
  ],
  [
    "an identity was revoked until now",
    [
      revoking([{ kind: "identity", spiffeId: cart.id.uri, notBeforeUntilMs: cart.notBeforeMs, expiresAtMs }]),
      other.bundle,
    ],
    ["cart ends"],
  ],
  [
    "an identity was revoked before this SVID was issued",
    [
      revoking([{ kind: "identity", spiffeId: cart.id.uri, notBeforeUntilMs: cart.notBeforeMs - 1, expiresAtMs }]),
      other.bundle,
    ],
    [],
  ],
] as const)("when %s, just those connections go that must", (_, bundles, told) => {
  expect(reviewed(bundles)).toEqual([...told]);
});

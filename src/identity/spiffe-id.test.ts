import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DNS_LABEL, valueOrThrow } from "#model";
import {
  namespaceOf,
  parseSpiffeId,
  parseTrustDomain,
  principalOf,
  serverSpiffeId,
  serviceAccountOf,
  svidDnsName,
  workloadSpiffeId,
} from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));

describe("parseSpiffeId", () => {
  test.each([
    "spiffe://shop.example",
    "spiffe://shop.example/ns/shop/sa/catalog",
    "spiffe://a_b-c.1/Path/with.dots/and_under-score",
    "spiffe://td/...",
  ])("accepts %s", (uri) => {
    expect(valueOrThrow(parseSpiffeId(uri)).uri).toBe(uri);
  });

  test.each([
    "",
    "spiffe://",
    "spiffe:///path",
    "SPIFFE://shop.example/a",
    "https://shop.example/a",
    "spiffe://Shop.example/a",
    "spiffe://shop.example:80/a",
    "spiffe://user@shop.example/a",
    "spiffe://shop.example/",
    "spiffe://shop.example/a/",
    "spiffe://shop.example//a",
    "spiffe://shop.example/a/./b",
    "spiffe://shop.example/a/../b",
    "spiffe://shop.example/a?b",
    "spiffe://shop.example/a#b",
    "spiffe://shop.example/a%2fb",
    "spiffe://shop.example/a b",
    "spiffe://shop.example/é",
    "spiffe://shop.example/a\n",
  ])("refuses %p", (uri) => {
    const result = parseSpiffeId(uri);
    expect(result.ok ? "accepted" : result.problems[0].code).toBe("HDL_IDENTITY_SPIFFE_ID_INVALID");
  });

  test("refuses what is too long", () => {
    expect(parseSpiffeId(`spiffe://${"a".repeat(256)}/a`).ok).toBe(false);
    expect(parseSpiffeId(`spiffe://shop.example/${"a".repeat(2048)}`).ok).toBe(false);
  });

  test("never throws, and what it accepts it gives back unchanged", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `spiffe://${text}`),
        ),
        (text) => {
          const result = parseSpiffeId(text);
          return !result.ok || (result.value.uri === text && text === `spiffe://${principalOf(result.value)}`);
        },
      ),
    );
  });
});

test("a trust domain name is at most 255 of the allowed characters", () => {
  expect(parseTrustDomain("a".repeat(255)).ok).toBe(true);
  for (const bad of ["", "A", "a/b", "a:1", "a b", "a".repeat(256), "ü", "a\n"])
    expect(parseTrustDomain(bad).ok).toBe(false);
});

describe("a workload's ID", () => {
  const id = workloadSpiffeId(trustDomain, "shop", "catalog");

  test("has the form that policies speak of", () => {
    expect(id.uri).toBe("spiffe://shop.example/ns/shop/sa/catalog");
    expect(principalOf(id)).toBe("shop.example/ns/shop/sa/catalog");
    expect([namespaceOf(id), serviceAccountOf(id)]).toEqual(["shop", "catalog"]);
    expect(parseSpiffeId(id.uri)).toEqual({ ok: true, value: id });
    expect(serverSpiffeId(trustDomain).uri).toBe("spiffe://shop.example/ns/heddle-system/sa/heddle-server");
  });

  test("cannot be made from names that would add path segments", () => {
    for (const bad of ["", "a/b", "..", "A", "a%2f"]) {
      expect(() => workloadSpiffeId(trustDomain, bad, "x")).toThrow(RangeError);
      expect(() => workloadSpiffeId(trustDomain, "x", bad)).toThrow(RangeError);
    }
  });

  test("of another form has no namespace and no account", () => {
    for (const uri of ["spiffe://td", "spiffe://td/ns/a", "spiffe://td/ns/a/sa/b/c", "spiffe://td/x/ns/a/sa/b"]) {
      const other = valueOrThrow(parseSpiffeId(uri));
      expect([namespaceOf(other), serviceAccountOf(other)]).toEqual([undefined, undefined]);
    }
  });
});

describe("svidDnsName", () => {
  test("names the account, the namespace and the trust domain", () => {
    expect(svidDnsName(workloadSpiffeId(trustDomain, "shop", "catalog"))).toBe("catalog.shop.sa.shop.example");
  });

  test("is a valid DNS name for every SPIFFE ID", () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,80}$/);
    const domain = fc.stringMatching(/^[a-z0-9._-]{1,255}$/);
    fc.assert(
      fc.property(domain, fc.array(segment, { maxLength: 5 }), (td, path) => {
        const id = valueOrThrow(parseSpiffeId([`spiffe://${td}`, ...path].join("/")));
        const name = svidDnsName(id);
        expect(name.length).toBeLessThanOrEqual(253);
        expect(name.split(".").every((label) => DNS_LABEL.test(label))).toBe(true);
      }),
    );
  });
});

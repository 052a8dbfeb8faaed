import { expect, test } from "bun:test";
import type { FlowExplanationView, OutcomeView, SuggestionsView } from "#api";
import { palette } from "#engine/terminal";
import { parseManifests } from "#model/manifest";
import { drawExplanation, drawFlowExplanation } from "./policy-explain-text.ts";
import { drawSuggestions, writeSuggestions } from "./policy-suggest-text.ts";

const PLAIN = palette(false);
const DAY_MS = Date.UTC(2026, 10, 26);

const OUTCOME: OutcomeView = {
  instances: ["cart-1"],
  verdict: "depends",
  reason: "unknown",
  label: "depends on request.headers[x-team]",
  rule: -1,
  dependsOn: ["request.headers[x-team]"],
  unknown: ["request.headers[x-team]"],
  either: [
    { verdict: "allow", reason: "allow-rule", label: "AuthorizationPolicy/shop/a", rule: 0 },
    { verdict: "deny", reason: "default-deny", label: "default-deny", rule: -1 },
  ],
  considered: [
    {
      policy: { kind: "AuthorizationPolicy", namespace: "shop", name: "a" },
      label: "AuthorizationPolicy/shop/a",
      action: "ALLOW",
      mode: "enforce",
      rule: 1,
      open: { rule: 0, unknown: ["request.headers[x-team]"] },
    },
  ],
  notes: ["Something is so."],
};

test("what a verdict depends on is told with both ends, and with the rule that may be met", () => {
  expect(drawExplanation({ principal: "", destination: "shop/cart", outcomes: [OUTCOME] }, PLAIN)).toBe(
    `a caller without a certificate → shop/cart
? depends  on request.headers[x-team]
  ✓ allowed  AuthorizationPolicy/shop/a, rule 1
  ✗ denied  default-deny
  not known: request.headers[x-team]
  note: Something is so.
  looked at, in this order:
    ALLOW  AuthorizationPolicy/shop/a  rule 1 depends on request.headers[x-team]; rule 2 met
`,
  );
});

test("a recorded denial is told before what today's policies make of it", () => {
  const flow = {
    ...{ id: "00f067aa0ba902b7", atMs: 0, reporter: "destination", source: "shop/a", sourceInstance: "" },
    ...{ destination: "shop/b", destinationInstance: "b-1", principal: "spiffe://td/ns/shop/sa/a", mtls: true },
    ...{ method: "GET", path: "/x", status: 401, endReason: "token-invalid", verdict: "deny", policy: "T", rule: 1 },
    ...{ observedVerdict: "none", observedPolicy: "", audits: [], durationMs: 1, traceId: "" },
  } as FlowExplanationView["flow"];
  const explanation = { principal: "", destination: "shop/b", outcomes: [] };
  const lines = drawFlowExplanation({ flow, today: "unknown", notes: ["Its token."], explanation }, PLAIN).split("\n");
  expect(lines[0]).toMatch(/^flow 00f067aa0ba902b7 {2}.*spiffe:\/\/td\/ns\/shop\/sa\/a → shop\/b \(b-1\) {2}GET \/x$/);
  expect(lines.slice(1)).toEqual([
    "✗ denied  T, rule 2  (token-invalid)",
    "today's policies decide: cannot be said from what is kept of a flow",
    "  Its token.",
    "",
  ]);
});

const SUGGESTIONS: SuggestionsView = {
  fromMs: DAY_MS,
  recordedFromMs: DAY_MS,
  unrecorded: 2,
  unseen: ["shop/payments"],
  suggestions: [
    {
      service: "shop/cart",
      policies: [
        {
          apiVersion: "heddle.dev/v1",
          kind: "AccessPolicy",
          metadata: { namespace: "shop", name: "cart-seen-callers" },
          spec: {
            selector: { matchLabels: { app: "cart" } },
            action: "Allow",
            rules: [
              {
                subjects: [{ namespaces: ["batch"], accountLabels: { tier: "jobs" } }],
                operations: [{ methods: ["GET"], paths: ["/x/*"], notPaths: ["/x/secret"] }],
              },
              { subjects: [{ identities: ["td/ns/shop/sa/a"] }] },
            ],
          },
        },
      ],
      rules: [
        { policy: 0, rule: 0, callers: ["a", "b"], requests: 40, lastSeenMs: DAY_MS, rare: false, open: false },
        { policy: 0, rule: 1, callers: ["c"], requests: 1, lastSeenMs: DAY_MS, rare: true, open: true },
      ],
      leftOut: [{ why: "no-identity", caller: "", method: "GET", path: "/x", requests: 3, lastSeenMs: DAY_MS }],
      proof: { passed: 41, refused: 7, unclear: 1 },
      alsoAllowing: ["AuthorizationPolicy/shop/cart-callers"],
    },
  ],
};

test("a suggestion is told rule by rule, with what is left out and how sure it is", () => {
  expect(drawSuggestions(SUGGESTIONS, PLAIN)).toBe(
    `shop/cart
  ✓ namespace batch, accounts with tier=jobs  (40 requests of 2 callers, last on 2026-11-26)
      GET  /x/*  not /x/secret
  ! rare: td/ns/shop/sa/a  (1 request of 1 caller, last on 2026-11-26; any request, since no method and no path is known)
  · left out: a caller without identity GET /x, 3 requests: the caller proved no identity
  lets pass the 41 requests that it was derived of, denies the 7 others that were recorded
  What would become of 1 denied request is not known: too little was recorded.
  others that allow there, too: AuthorizationPolicy/shop/cart-callers

! shop/payments: nothing was recorded, and nothing is suggested
2 decisions in the mesh found no room, and may be missing here
with -o yaml it is written to be applied
`,
  );
});

test("as YAML it says in comments what is rare and what is left out, and can be applied", () => {
  const text = writeSuggestions(SUGGESTIONS);
  expect(text).toContain("    # RARE: 1 request of 1 caller, last on 2026-11-26");
  expect(text).toContain("# Left out: a caller without identity GET /x, 3 requests: the caller proved no identity.");
  expect(text).toContain("# shop/payments: nothing was recorded, and nothing is suggested.");
  expect(parseManifests([{ file: "s.yaml", text }])).toMatchObject({ ok: true, value: [{ kind: "AccessPolicy" }] });
});

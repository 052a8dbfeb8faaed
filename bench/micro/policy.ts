/** One decision where many policies are in force; the one that allows is the last. */
import {
  compilePolicy,
  decide,
  operationMatch,
  type RequestAttributes,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "#policy";
import type { Piece } from "./timing.ts";

/** Each lets one caller read one part of the paths. */
const allow = (index: number): RuleSet =>
  ruleSetOf({
    ref: { kind: "AuthorizationPolicy", namespace: "shop", name: `caller-${index}` },
    action: "ALLOW",
    rules: [
      ruleOf({
        from: [sourceMatch({ principals: [`mesh.example/ns/shop/sa/caller-${index}`] })],
        to: [operationMatch({ methods: ["GET"], paths: [`/part-${index}/*`] })],
      }),
    ],
  });

const request = (index: number): RequestAttributes =>
  requestAttributes({
    principal: `mesh.example/ns/shop/sa/caller-${index}`,
    namespace: "shop",
    method: "GET",
    path: `/part-${index}/orders/1842`,
    host: "orders.shop.svc:8080",
    port: 8080,
  });

function decision(policies: number): Piece {
  const compiled = compilePolicy(Array.from({ length: policies }, (_, index) => allow(index)));
  const asked = request(policies - 1);
  return {
    name: `policy decide, ${policies.toLocaleString("en-US")} policies`,
    run: () => (decide(compiled, asked).verdict === "allow" ? 1 : Number.NaN),
  };
}

export const policyPieces = (): readonly Piece[] => [decision(10), decision(10_000)];

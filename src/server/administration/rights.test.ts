import { describe, expect, test } from "bun:test";
import { ADMIN_VERBS, type AdminRole, type AdminVerb, ProblemError, type Resource } from "#model";
import { type Administrator, grantsOf } from "./administrator.ts";
import { needsOf } from "./resource-rights.ts";
import { Rights } from "./rights.ts";

const TREE: Readonly<Record<string, readonly string[]>> = {
  shop: ["heddle-system", "company", "shop"],
  cart: ["heddle-system", "company", "shop", "cart"],
  company: ["heddle-system", "company"],
  bank: ["heddle-system", "bank"],
};
const ROOT = { rootNamespace: "heddle-system", all: ADMIN_VERBS };

function rights(administrator: Administrator, roles: readonly AdminRole[] = []): Rights {
  const grants = grantsOf(administrator, roles, ROOT);
  const lineageOf = (namespace: string) => TREE[namespace] ?? ["heddle-system", namespace];
  return new Rights({ actor: "somebody", grants, rootNamespace: "heddle-system", lineageOf });
}

const token = (verbs: readonly AdminVerb[], namespace = "shop"): Administrator => ({
  kind: "api-token",
  id: "1",
  namespace,
  name: "ci",
  verbs,
});

const role = (namespace: string, verbs: readonly AdminVerb[], holder = "shop/ci"): AdminRole => {
  const [of = "", name = ""] = holder.split("/");
  return {
    apiVersion: "heddle.dev/v1",
    kind: "AdminRole",
    metadata: { name: "r", namespace, labels: {}, annotations: {} },
    spec: { verbs, holders: [{ kind: "api-token", namespace: of, name }] },
  };
};

describe("rights", () => {
  test.each<[string, Rights, AdminVerb, string, boolean]>([
    ["the local administrator may all", rights({ kind: "local" }), "audit", "", true],
    ["a token holds in its namespace", rights(token(["operate"])), "operate", "shop", true],
    ["and below", rights(token(["operate"])), "operate", "cart", true],
    ["not above", rights(token(["operate"])), "operate", "company", false],
    ["not beside", rights(token(["operate"])), "operate", "bank", false],
    ["not in the whole mesh", rights(token(["operate"])), "operate", "", false],
    ["one verb is not another", rights(token(["operate"])), "secure", "shop", false],
    ["whoever may change may see", rights(token(["secure"])), "view", "shop", true],
    ["who reads the log sees no resources", rights(token(["audit"])), "view", "shop", false],
    ["administering is not securing", rights(token(["administer"])), "secure", "shop", false],
    ["a token without verbs may nothing", rights(token([])), "view", "shop", false],
    ["in the root namespace it holds everywhere", rights(token(["view"], "heddle-system")), "view", "", true],
    ["a role gives where it stands", rights(token([]), [role("bank", ["view"])]), "view", "bank", true],
    ["and only there", rights(token([]), [role("bank", ["view"])]), "view", "shop", false],
    [
      "a token of the same name elsewhere is another",
      rights(token([], "bank"), [role("bank", ["view"])]),
      "view",
      "bank",
      false,
    ],
  ])("%s", (_, held, verb, namespace, expected) => {
    expect(held.may(verb, namespace)).toBe(expected);
  });

  test("a refusal says who, what, where, and what is held", () => {
    expect(() => rights(token(["view"])).require("secure", "bank", "change X")).toThrow(ProblemError);
    expect(() => rights(token(["view"])).require("secure", "bank", "change X")).toThrow(
      "somebody may not secure in namespace bank: change X (it holds view in shop and below)",
    );
  });
});

describe("what a change needs", () => {
  const namespace = (parent?: string): Resource => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "cart",
      namespace: "",
      labels: parent === undefined ? {} : { "heddle.dev/parent": parent },
      annotations: {},
    },
  });
  const ref = { kind: "Namespace", namespace: "", name: "cart" } as const;

  test.each([
    ["a namespace is taken in from the top", undefined, namespace("shop"), ["", "shop"]],
    ["it is changed by its parent", namespace("shop"), namespace("shop"), ["shop"]],
    ["it is moved by both parents", namespace("shop"), namespace("bank"), ["shop", "bank"]],
    ["it is let loose by its parent and the mesh", namespace("shop"), namespace(), ["shop", ""]],
    ["it is deleted by its parent", namespace("shop"), undefined, ["shop"]],
  ])("%s", (_, before, after, places) => {
    expect(needsOf(ref, { before, after })).toEqual(places.map((each) => ({ verb: "administer", namespace: each })));
  });
});

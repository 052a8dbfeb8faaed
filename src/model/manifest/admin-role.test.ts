import { expect, test } from "bun:test";
import { valueOrThrow } from "#model";
import { parseManifests, writeManifests } from "./index.ts";

const manifest = (spec: string): string =>
  `apiVersion: heddle.dev/v1\nkind: AdminRole\nmetadata: { name: r, namespace: shop }\nspec: ${spec}\n`;
const parse = (text: string) => parseManifests([{ file: "r.yaml", text }]);

test("a role is read, and written as it was", () => {
  const text = manifest("{ verbs: [view, secure], holders: [{ apiToken: shop/ci }, { subject: a1 }, { group: sre }] }");
  const [role] = valueOrThrow(parse(text));
  expect(role).toMatchObject({
    spec: {
      verbs: ["view", "secure"],
      holders: [
        { kind: "api-token", namespace: "shop", name: "ci" },
        { kind: "subject", subject: "a1" },
        { kind: "group", group: "sre" },
      ],
    },
  });
  expect(valueOrThrow(parse(writeManifests(role === undefined ? [] : [role])))).toEqual(
    role === undefined ? [] : [role],
  );
});

test.each([
  ["{ verbs: [own], holders: [{ group: a }] }", "spec.verbs[0]"],
  ["{ verbs: [], holders: [{ group: a }] }", "spec.verbs"],
  ["{ verbs: [view], holders: [] }", "spec.holders"],
  ["{ verbs: [view], holders: [{ group: a, subject: b }] }", "spec.holders[0]"],
  ["{ verbs: [view], holders: [{}] }", "spec.holders[0]"],
  ["{ verbs: [view], holders: [{ apiToken: ci }] }", "spec.holders[0].apiToken"],
])("%s is refused by place", (spec, field) => {
  const refused = parse(manifest(spec));
  expect(refused.ok ? "" : refused.problems[0].at?.field).toBe(field);
});

import { expect, test } from "bun:test";
import { openSqlite } from "#engine/sqlite";
import { valueOrThrow } from "#model";
import { DocumentStore } from "#store";
import { seededRandom } from "../../../test/fakes/random.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { ApiTokens } from "./api-tokens.ts";

const REQUEST = { namespace: "shop", name: "ci", verbs: ["view"], createdBy: "ada", ttlMs: 60_000 } as const;

async function setUp() {
  const time = new FakeTime();
  const documents = new DocumentStore(valueOrThrow(openSqlite(":memory:", { durability: "full" })));
  await documents.open();
  const tokens = new ApiTokens({ documents, clock: time, random: seededRandom(1) });
  valueOrThrow(await tokens.open());
  return { time, documents, tokens };
}

test("a token ends by the clock, is forgotten then, and its name is free again", async () => {
  const { time, documents, tokens } = await setUp();
  const { text, record } = valueOrThrow(await tokens.create(REQUEST));
  expect(tokens.identify(text)).toMatchObject({ namespace: "shop", name: "ci", verbs: ["view"] });
  time.advance(59_999);
  expect([tokens.isGood(record.id), tokens.list().length]).toEqual([true, 1]);
  time.advance(1);
  expect([tokens.identify(text), tokens.isGood(record.id), tokens.list()]).toEqual([undefined, false, []]);
  const next = valueOrThrow(await tokens.create(REQUEST));
  expect(next.record.id).not.toBe(record.id);
  expect(valueOrThrow(await documents.list("api-token")).length).toBe(1);
});

test("what is no token of ours is nobody's", async () => {
  const { tokens } = await setUp();
  const { text } = valueOrThrow(await tokens.create(REQUEST));
  for (const odd of ["", "hat1.", text.slice(0, -1), `${text}A`, text.replace("hat1", "hjt1"), text.toUpperCase()])
    expect(tokens.identify(odd)).toBeUndefined();
});

test("only so many are held", async () => {
  const { tokens } = await setUp();
  for (let n = 0; n < 1000; n++) valueOrThrow(await tokens.create({ ...REQUEST, name: `n${n}` }));
  const refused = await tokens.create(REQUEST);
  expect(refused.ok ? "" : refused.problems[0].code).toBe("HDL_API_TOKEN");
});

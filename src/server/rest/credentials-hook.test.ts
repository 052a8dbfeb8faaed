import { expect, test } from "bun:test";
import Fastify from "fastify";
import { ADMIN_VERBS } from "#model";
import { seededRandom } from "../../../test/fakes/random.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { Rights } from "../administration/rights.ts";
import { Access } from "./access.ts";
import { credentialsHook, rightsOf, withholdUnasked } from "./credentials-hook.ts";

function app() {
  const adminToken = "a".repeat(43);
  const apiTokens = { identify: () => undefined, isGood: () => false };
  const access = new Access({ adminToken, apiTokens, clock: new FakeTime(), random: seededRandom(1) });
  const grants = [{ verbs: ADMIN_VERBS, namespace: "root" }];
  const rightsFor = () => new Rights({ actor: "admin", grants, rootNamespace: "root", lineageOf: () => [] });
  const made = Fastify();
  made.addHook("onRequest", credentialsHook({ access, rightsFor, onRefused: () => {} }));
  made.addHook("onSend", withholdUnasked);
  return { made, headers: { authorization: `Bearer ${adminToken}` } };
}

test("an answer for which the handler asked no right is withheld", async () => {
  const { made, headers } = app();
  made.get("/api/v1/resources", () => ({ secret: "of somebody" }));
  made.get("/api/v1/history", (request) => ({ seen: rightsOf(request).within("view")("shop") }));
  const forgotten = await made.inject({ url: "/api/v1/resources", headers });
  expect([forgotten.statusCode, forgotten.body.includes("somebody")]).toEqual([500, false]);
  const asked = await made.inject({ url: "/api/v1/history", headers });
  expect([asked.statusCode, asked.json()]).toEqual([200, { seen: true }]);
});

test("a route that the table does not know is refused to everybody", async () => {
  const { made, headers } = app();
  made.get("/api/v1/new", () => "anything");
  expect((await made.inject({ url: "/api/v1/new", headers })).statusCode).not.toBe(200);
});

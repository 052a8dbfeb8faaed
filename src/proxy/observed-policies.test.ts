import { afterEach, expect, test } from "bun:test";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import { echo, pair, stopAll } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const ref = (name: string): RuleSet["ref"] => ({ kind: "AuthorizationPolicy", namespace: "shop", name });
const toPath = (path: string) => ruleOf({ to: [operationMatch({ paths: [path] })] });

/** The status of one request, and what the destination's agent recorded of it. */
async function call(policies: readonly RuleSet[], path = "/", headers: Record<string, string> = {}) {
  const { server, url } = await pair(echo, { policies });
  const answer = await fetch(`${url}${path}`, { headers });
  await answer.arrayBuffer();
  const [sample] = server.recorder.takeBatch(Date.now())?.samples ?? [];
  return { status: answer.status, sample };
}

test("a policy in observe mode changes nothing but what is recorded", async () => {
  const observing = ruleSetOf({ ref: ref("later"), action: "DENY", mode: "observe", rules: [toPath("/admin")] });
  expect(await call([observing], "/admin")).toMatchObject({
    status: 200,
    sample: { verdict: "allow", observedVerdict: "deny", observedPolicy: "AuthorizationPolicy/shop/later" },
  });
});

test("an AUDIT policy marks what it meets", async () => {
  const audit = ruleSetOf({ ref: ref("watch"), action: "AUDIT", rules: [toPath("/admin")] });
  expect(await call([audit], "/admin")).toMatchObject({
    status: 200,
    sample: { verdict: "allow", observedVerdict: "none", audits: ["AuthorizationPolicy/shop/watch"] },
  });
  expect(await call([audit])).toMatchObject({ status: 200, sample: { audits: [] } });
});

test("what an external authorizer should decide is denied where none can be asked, and says so", async () => {
  const custom = ruleSetOf({ ref: ref("ask"), action: "CUSTOM", provider: "opa", rules: [toPath("/admin")] });
  const policy = "AuthorizationPolicy/shop/ask: the external authorizer opa is not known here";
  expect(await call([custom], "/admin")).toMatchObject({ status: 403, sample: { verdict: "deny", policy } });
  expect(await call([custom])).toMatchObject({ status: 200 });
});

test("a denial names the flow under which it is recorded, in HTTP and in gRPC; what is let through does not", async () => {
  const policies = [ruleSetOf({ ref: ref("no"), action: "DENY", rules: [toPath("/no"), toPath("/pkg.S/No")] })];
  const { server, url } = await pair(echo, { policies });
  for (const [path, type] of [
    ["/no", "text/plain"],
    ["/pkg.S/No", "application/grpc"],
  ] as const) {
    const answer = await fetch(url + path, { method: "POST", headers: { "content-type": type, te: "trailers" } });
    await answer.arrayBuffer();
    const [sample] = server.recorder.takeBatch(Date.now())?.samples ?? [];
    expect([sample?.verdict, answer.headers.get("x-heddle-flow")]).toEqual(["deny", sample?.spanId ?? ""]);
  }
  expect((await fetch(url)).headers.get("x-heddle-flow")).toBeNull();
});

test("headers and where a connection comes from are seen by policies", async () => {
  const when = [{ key: "request.headers[X-Team]", values: [], notValues: ["finance"] }];
  const policies = [
    ruleSetOf({ ref: ref("team"), action: "DENY", rules: [ruleOf({ when })] }),
    ruleSetOf({
      ref: ref("near"),
      action: "ALLOW",
      rules: [ruleOf({ from: [sourceMatch({ ipBlocks: ["127.0.0.0/8"], serviceAccounts: ["shop/front"] })] })],
    }),
  ];
  expect((await call(policies, "/", { "x-team": "finance" })).status).toBe(200);
  expect((await call(policies)).sample).toMatchObject({ verdict: "deny", policy: "AuthorizationPolicy/shop/team" });
});

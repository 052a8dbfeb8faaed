/** A path that two readers could read differently passes no rule by it: through two agents, by the bytes on the wire. */
import { afterEach, expect, test } from "bun:test";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf } from "#policy";
import { echo, pair, raw, stopAll } from "../fakes/proxy-pair.ts";

afterEach(stopAll);

const policy = (action: "ALLOW" | "DENY", paths: string[]): RuleSet =>
  ruleSetOf({
    ref: { kind: "AuthorizationPolicy", namespace: "shop", name: "paths" },
    action,
    rules: [ruleOf({ to: [operationMatch({ paths })] })],
  });

/** What the app is asked, or the status by which an agent refuses. */
async function told(policies: readonly RuleSet[], paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { client } = await pair(echo, { policies });
  const answers = new Map<string, string>();
  for (const path of paths) {
    const answer = await raw(client.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
    const asked = /"url":"([^"]*)"/.exec(answer)?.[1];
    answers.set(path, asked === undefined ? answer.slice(9, 12) : `asked ${asked}`);
  }
  return answers;
}

const REFUSED = /^(?:400|403)$/;

test("what a DENY forbids cannot be reached under another spelling", async () => {
  const spellings = [
    ..."/admin /admin/x //admin ///admin/x /x/../admin /x/%2e%2e/admin /x/.%2e/admin /./admin /%2e/admin /admin/. /admin//x".split(
      " ",
    ),
    ..."/%61dmin /%2fadmin /admin%2fx /admin%2Fx /x%2f..%2fadmin /x/..%2fadmin /x%5c..%5cadmin /x\\..\\admin /admin%5cx".split(
      " ",
    ),
    ..."/admin%252fx /x/%252e%252e/admin /admin;a=b/x /x/..;/admin /admin?x /admin#x http://a/admin http://a//admin".split(
      " ",
    ),
  ];
  const answers = await told([policy("DENY", ["/admin", "/admin/*"])], [...spellings, "/public"]);
  for (const spelling of spellings)
    expect([spelling, answers.get(spelling)]).toEqual([spelling, expect.stringMatching(REFUSED)]);
  expect(answers.get("/public")).toBe("asked /public");
});

test("what an ALLOW opens leads nowhere else, whatever case, dots and slashes it is written with", async () => {
  const escapes = [
    ..."/public/../admin /public/%2e%2e/admin /public/..%2fadmin /public%2f..%2fadmin /public/..%5cadmin /public/..;a/admin".split(
      " ",
    ),
    ..."/public/x/../../admin /public/x/..%252f..%252fadmin /PUBLIC/x /Public/x /public. /public./x /public /publicx".split(
      " ",
    ),
    ..."//public/x /public//../admin /public%2fx /%70ublic/x http://a/public/../admin".split(" "),
  ];
  const answers = await told([policy("ALLOW", ["/public/*"])], [...escapes, "/public/a%20b"]);
  for (const path of escapes) expect([path, answers.get(path)]).toEqual([path, expect.stringMatching(REFUSED)]);
  expect(answers.get("/public/a%20b")).toBe("asked /public/a%20b");
});

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diffLines } from "./diff.ts";

const directory = mkdtempSync(join(tmpdir(), "heddle-cli-"));
const data = join(directory, "data");
const policies = join(import.meta.dir, "../../examples/shop/policies");
const MAIN = join(import.meta.dir, "main.ts");
let server: Bun.Subprocess | undefined;

beforeAll(async () => {
  const words = ["server", "--data", data, "--api", "127.0.0.1:18670", "--agents", "127.0.0.1:18671"];
  server = Bun.spawn([process.execPath, MAIN, ...words], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  for (let waited = 0; !existsSync(join(data, "admin.json")) && waited < 10_000; waited += 50) await Bun.sleep(50);
}, 20_000);

afterAll(async () => {
  server?.kill("SIGTERM");
  expect(await server?.exited).toBe(0);
  rmSync(directory, { recursive: true });
});

async function heddle(...words: string[]) {
  const env = {
    ...process.env,
    HEDDLE_DATA: data,
    NO_COLOR: "1",
    EDITOR: "sed -i s/GET/HEAD/",
    VISUAL: "",
    TMPDIR: directory,
  };
  const child = Bun.spawn([process.execPath, MAIN, ...words], {
    cwd: directory,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, errors, status };
}

test("a folder is applied, shown, compared, changed and deleted", async () => {
  expect((await heddle("apply", "-f", policies)).out).toContain("AuthorizationPolicy shop/payments-callers created\n");
  expect((await heddle("diff", "-f", policies)).status).toBe(0);
  expect((await heddle("get", "authorizationpolicies", "-n", "shop")).out).toMatch(
    /^AuthorizationPolicy +shop +default-deny +1 /m,
  );
  const shown = await heddle("get", "AuthorizationPolicy", "cart-callers", "-n", "shop", "-o", "yaml");
  const file = join(directory, "cart.yaml");
  writeFileSync(file, shown.out.replace("- DELETE\n", "- PATCH\n"));
  const compared = await heddle("diff", "-f", file);
  expect(compared.status).toBe(1);
  expect(compared.out).toMatch(/^- +- DELETE$/m);
  expect(compared.out).toMatch(/^\+ +- PATCH$/m);
  expect((await heddle("apply", "-f", file)).out).toContain("cart-callers updated\nrevision 2\n");
  const stale = await heddle("apply", "-f", file);
  expect(stale.errors).toContain("HDL_STORE_CONFLICT");
  expect((await heddle("edit", "AuthorizationPolicy", "cart-callers", "-n", "shop")).out).toContain("revision 3\n");
  expect((await heddle("delete", "AuthorizationPolicy", "cart-callers", "-n", "shop")).status).toBe(0);
  expect(
    (await heddle("history", "AuthorizationPolicy", "cart-callers", "-n", "shop")).out.trim().split("\n").length,
  ).toBe(4);
}, 30_000);

test("what is wrong is told with file, line and column", async () => {
  const file = join(directory, "bad.yaml");
  writeFileSync(
    file,
    "apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec:\n  slector: {}\n  ports: [{ port: 80 }]\n",
  );
  const { errors, status } = await heddle("apply", "-f", file);
  expect(status).toBe(1);
  expect(errors).toContain(`${file}:5:3: spec.slector: there is no field \`slector\` here; did you mean \`selector\`?`);
}, 20_000);

test("join tokens are made, listed without their secret, and revoked", async () => {
  const made = await heddle("token", "create", "--workload", "shop/cart");
  expect(made.out).toStartWith("hjt1.");
  const listed = await heddle("token", "list");
  expect(listed.out).toContain("shop/cart");
  expect(listed.out).not.toContain("hjt1.");
  expect((await heddle("token", "revoke", listed.out.split(" ")[0] ?? "")).status).toBe(0);
  expect((await heddle("token", "list")).out).toBe("no join tokens\n");
}, 20_000);

test("check finds a running server in order, and console opens it", async () => {
  const { out, status } = await heddle("check");
  expect(out).toContain("✓ server: http://127.0.0.1:18670 is ready");
  expect(status).toBe(0);
  expect((await heddle("console")).out).toMatch(/^http:\/\/127\.0\.0\.1:18670\/#code=[\w-]{40,}\n$/);
}, 20_000);

test.each([
  ["", "a\nb\n", ["+ a", "+ b"]],
  ["a\nb\nc\n", "a\nc\nd\n", ["  a", "- b", "  c", "+ d"]],
  ["a\n", "a\n", ["  a"]],
])("the difference of %j and %j is told by lines", (before, after, want) => {
  expect([...diffLines(before, after)]).toEqual(want);
});

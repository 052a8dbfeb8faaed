import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlPlane } from "#server";
import { startLoginServer } from "../../test/fakes/login-server.ts";
import { FakeOidcServer } from "../../test/fakes/oidc-server.ts";

const directory = mkdtempSync(join(tmpdir(), "heddle-cli-login-"));
const provider = new FakeOidcServer();
let server: ControlPlane;

beforeAll(async () => {
  server = await startLoginServer(directory, provider);
});
afterAll(async () => {
  await server.stop();
  await provider.stop();
  rmSync(directory, { recursive: true });
});

/** As another user than the server's: with a home of its own. */
async function heddle(...words: string[]) {
  const { HEDDLE_DATA: _, HEDDLE_SERVER: __, HEDDLE_TOKEN_FILE: ___, ...environment } = process.env;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), ...words], {
    cwd: directory,
    env: { ...environment, HOME: join(directory, "home"), NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, errors, status };
}

const logins = join(directory, "home/.heddle/logins.json");

test("a person logs in, is known by that name, may what roles give, and logs out", async () => {
  const before = await heddle("whoami", "--server", server.url);
  expect([before.status, before.errors.includes("HDL_API_CREDENTIAL")]).toEqual([1, true]);

  provider.isDeviceApproved = true;
  const login = await heddle("login", "--server", server.url);
  expect(login.errors).toContain(`Open ${provider.issuer}/activate and make sure that it shows the code WDJB-MJHT`);
  expect(login.out).toStartWith("logged in as person:248289761001 (ada@example.org) until ");
  expect(login.status).toBe(0);
  expect(statSync(logins).mode & 0o077).toBe(0);

  expect((await heddle("whoami", "--server", server.url)).out).toContain("no right");
  const role = `apiVersion: heddle.dev/v1\nkind: AdminRole\nmetadata: { name: sre, namespace: shop }\nspec: { verbs: [view], holders: [{ group: sre }] }\n`;
  writeFileSync(join(directory, "role.yaml"), role);
  expect((await heddle("apply", "-f", "role.yaml", "--data", "data")).status).toBe(0);
  expect((await heddle("whoami", "--server", server.url)).out).toContain("view in shop and below");
  const unchanged = await heddle("apply", "-f", "role.yaml", "--server", server.url, "--json");
  expect(JSON.parse(unchanged.out).changes[0]).toMatchObject({ name: "sre", action: "unchanged" });
  const deleted = await heddle("delete", "AdminRole", "sre", "-n", "shop", "--server", server.url);
  expect(deleted.errors).toContain("may not administer in namespace shop");

  const { token } = Object.values(JSON.parse(readFileSync(logins, "utf8")))[0] as { token: string };
  expect((await heddle("logout", "--server", server.url)).out).toBe(`logged out of ${server.url}\n`);
  expect(readFileSync(logins, "utf8")).not.toContain(token);
  const asked = await fetch(`${server.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  expect(asked.status).toBe(401);
}, 30_000);

test("a credential is sent in the open to no other host", async () => {
  const { errors, status } = await heddle("whoami", "--server", "http://mesh.example");
  expect(errors).toContain("a credential would travel to http://mesh.example in the open");
  expect(status).toBe(1);
});

test("a token that others may read is not used", async () => {
  writeFileSync(join(directory, "open.token"), "hat1.x", { mode: 0o644 });
  const { errors, status } = await heddle("whoami", "--server", server.url, "--token-file", "open.token");
  expect([status, errors.includes("open.token")]).toEqual([1, true]);
});

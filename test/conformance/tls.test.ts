import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerCertificate } from "#engine/sockets";
import { fakeAuthority } from "../fakes/mesh-authority.ts";
import {
  echo,
  endpointAt,
  raw,
  type Settings,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../fakes/proxy-pair.ts";
import { startProgram } from "./programs.ts";

afterEach(stopAll);

/** Not the mesh's: the user's own. */
const authority = fakeAuthority("elsewhere.example");

function certificateFor(name: string): ServerCertificate {
  return authority.identity("shop/back", { dnsNames: [name] });
}

function scratch(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "heddle-tls-"));
  stops.push(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

async function startTlsApp(spoken: "h2" | "http1" | "both", name = "localhost"): Promise<number> {
  const { certificateChainPem, privateKeyPem } = certificateFor(name);
  const directory = scratch({ certificate: certificateChainPem, key: privateKeyPem });
  return startProgram("tls-server.mjs", `${directory}/certificate`, `${directory}/key`, spoken);
}

function meshBefore(port: number, settings: Settings = {}): string {
  const appTls = { authoritiesPem: authority.pem, serverName: "localhost" };
  const server = startServerSide(port, { appTls, ...settings });
  const client = startClientSide({ ...settings, endpoints: [endpointAt(server.port)] });
  return `http://127.0.0.1:${client.port}/`;
}

/** One address for apps that take turns. */
async function startRelay(port: () => number) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port(), "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  stops.push(() => {
    cut();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, cut };
}

async function curl(...args: readonly string[]): Promise<{ readonly status: number; readonly text: string }> {
  const child = Bun.spawn(["curl", "-s", ...args], { stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  return { status: await child.exited, text };
}

test.each([
  { spoken: "both", protocol: "auto", expected: { httpVersion: "2.0", alpn: "h2", scheme: "https" } },
  { spoken: "h2", protocol: "http", expected: { httpVersion: "2.0", alpn: "h2" } },
  { spoken: "http1", protocol: "auto", expected: { httpVersion: "1.1" } },
  { spoken: "both", protocol: "http1", expected: { httpVersion: "1.1", alpn: "http/1.1" } },
  { spoken: "both", protocol: "grpc", expected: { httpVersion: "2.0", alpn: "h2" } },
] as const)("an app in TLS that speaks $spoken, declared $protocol, is asked as it chooses", async (each) => {
  const url = meshBefore(await startTlsApp(each.spoken), {
    protocol: each.protocol === "grpc" ? "http" : each.protocol,
  });
  const asked = Array.from({ length: 20 }, () => fetch(url, { method: "POST", body: "some" }));
  for (const response of await Promise.all(asked)) expect(await response.json()).toMatchObject(each.expected);
});

test("an app in TLS that took up another version is asked anew", async () => {
  let port = await startTlsApp("h2");
  const app = await startRelay(() => port);
  const url = meshBefore(app.port);
  expect(await (await fetch(url)).json()).toMatchObject({ httpVersion: "2.0" });
  port = await startTlsApp("http1");
  app.cut();
  // The first may still be asked in what the app spoke before.
  await fetch(url);
  expect(await (await fetch(url)).json()).toMatchObject({ httpVersion: "1.1" });
});

test.each([
  { what: "that another authority signed", appTls: { authoritiesPem: fakeAuthority().pem, serverName: "localhost" } },
  { what: "for another name", appTls: { authoritiesPem: authority.pem, serverName: "other.example" } },
])("an app with a certificate $what is given nothing", async ({ appTls }) => {
  const response = await fetch(meshBefore(await startTlsApp("both"), { appTls }));
  expect([response.status, response.headers.get("x-heddle-reason")]).toEqual([503, "app-unreachable"]);
});

test("callers at an edge in TLS choose HTTP/2 or HTTP/1.1, and the app is told that they came in TLS", async () => {
  const app = await startApp(echo);
  const server = startServerSide(app.port);
  let certificate = certificateFor("edge.example");
  const edge = startClientSide({ endpoints: [endpointAt(server.port)], edgeCertificate: () => certificate });
  const directory = scratch({ authority: authority.pem });
  const ask = (name: string, ...args: readonly string[]) =>
    curl(
      ...args,
      ...["--cacert", `${directory}/authority`, "--resolve", `${name}:${edge.port}:127.0.0.1`],
      ...["-w", "\n%{http_version}", `https://${name}:${edge.port}/`],
    );
  const version = async (answer: ReturnType<typeof ask>) => (await answer).text.split("\n").at(-1);
  expect(await version(ask("edge.example", "--http2"))).toBe("2");
  expect(await version(ask("edge.example", "--http1.1"))).toBe("1.1");
  expect(await version(ask("edge.example", "--no-alpn"))).toBe("1.1");
  expect((await ask("edge.example")).text).toContain('"x-forwarded-proto":"https"');
  // Another certificate is shown to whoever comes next.
  certificate = certificateFor("new.example");
  expect((await ask("edge.example")).status).toBe(60);
  expect(await version(ask("new.example"))).toBe("2");
});

test("a caller at an edge in TLS that speaks in the clear is cut off", async () => {
  const app = await startApp(echo);
  const server = startServerSide(app.port);
  const certificate = certificateFor("edge.example");
  const edge = startClientSide({ endpoints: [endpointAt(server.port)], edgeCertificate: () => certificate });
  expect(await raw(edge.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")).not.toContain("HTTP/1.1");
});

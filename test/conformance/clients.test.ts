import { afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointAt, startClientSide, startServerSide, stopAll, stops } from "../fakes/proxy-pair.ts";

afterEach(stopAll);

const GIB = 1024 * 1024 * 1024;

/** Says the SHA-256 and length of what it is sent, and sends a file back. */
async function startStore(file: string): Promise<number> {
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      createReadStream(file, { highWaterMark: 1024 * 1024 }).pipe(response);
      return;
    }
    const hash = createHash("sha256");
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
    });
    request.on("end", () => response.end(`${hash.digest("hex")} ${length} ${request.httpVersion}`));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "heddle-clients-"));
  stops.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file in which every block of 1 MiB differs; returns its SHA-256. */
function writeFile(path: string, bytes: number): string {
  const hash = createHash("sha256");
  const descriptor = openSync(path, "w");
  const block = Buffer.alloc(1024 * 1024, "heddle");
  for (let at = 0; at < bytes; at += block.length) {
    block.writeUInt32BE(at / block.length, 0);
    hash.update(block);
    writeSync(descriptor, block);
  }
  return hash.digest("hex");
}

async function curl(...args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["curl", "-sS", ...args], { stdout: "pipe", stderr: "pipe" });
  const [text, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([await child.exited, errors]).toEqual([0, ""]);
  return text;
}

async function through(file: string): Promise<string> {
  const server = startServerSide(await startStore(file), { protocol: "http1", requestTimeoutMs: 60_000 });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http", requestTimeoutMs: 60_000 });
  return `http://127.0.0.1:${client.port}/`;
}

test.each(["--http1.1", "--http2-prior-knowledge"])(
  "curl %s sends and fetches a GiB through two agents, in bounded memory",
  async (version) => {
    const file = join(scratch(), "gib");
    const sum = writeFile(file, GIB);
    const url = await through(file);
    const before = process.memoryUsage().rss;
    const sent = await curl(version, "-T", file, url);
    expect(sent).toBe(`${sum} ${GIB} 1.1`);
    const fetched = join(file, "..", "fetched");
    await curl(version, "-o", fetched, url);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(fetched, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
    expect(hash.digest("hex")).toBe(sum);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  },
  120_000,
);

test("curl waits for 100 (Continue) and gets it from the app", async () => {
  const file = join(scratch(), "small");
  const sum = writeFile(file, 1024 * 1024);
  const url = await through(file);
  const seen = await curl(
    "--http1.1",
    "-v",
    "-o",
    "/dev/null",
    "--stderr",
    "-",
    "-H",
    "Expect: 100-continue",
    "-T",
    file,
    url,
  );
  expect(seen).toContain("HTTP/1.1 100");
  expect(seen).toContain("HTTP/1.1 200");
  expect(sum).toHaveLength(64);
});

test("h2load gets every answer of 20,000 over 8 connections of 32 streams", async () => {
  const app = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(() => app.close());
  const server = startServerSide((app.address() as AddressInfo).port, { protocol: "http1" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http" });
  const child = Bun.spawn(["h2load", "-n20000", "-c8", "-m32", `http://127.0.0.1:${client.port}/`], { stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(text).toMatch(/20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout/);
}, 60_000);

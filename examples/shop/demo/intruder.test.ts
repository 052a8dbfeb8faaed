import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createSecureServer } from "node:http2";
import { createServer } from "node:net";
import { forgeIdentity, overTls, plaintext } from "./intruder.ts";

const listening = (server: { listen(port: number, host: string, ready: () => void): unknown; address(): unknown }) =>
  new Promise<{ address: string; port: number }>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server.address() as { address: string; port: number }));
  });

test("a forged identity claims what it was told to", async () => {
  const { cert } = await forgeIdentity("spiffe://shop.example/ns/shop/sa/checkout");
  expect(new X509Certificate(cert).subjectAltName).toBe("URI:spiffe://shop.example/ns/shop/sa/checkout");
});

test("an open plain port is told from one that closes", async () => {
  const open = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  const closing = createServer((socket) => socket.destroy());
  expect((await plaintext(await listening(open))).refused).toBe(false);
  expect((await plaintext(await listening(closing))).refused).toBe(true);
  open.close();
  closing.close();
});

test("a port that asks for certificates is told from one that takes any", async () => {
  const own = await forgeIdentity("spiffe://shop.example/ns/shop/sa/payments");
  const answer = (_request: unknown, response: { end(text: string): void }): void => response.end("ledger");
  const lax = createSecureServer({ ...own, requestCert: false }, answer);
  const strict = createSecureServer({ ...own, requestCert: true, rejectUnauthorized: true, ca: own.cert }, answer);
  const forged = await forgeIdentity("spiffe://shop.example/ns/shop/sa/checkout");
  const [laxAt, strictAt] = [await listening(lax), await listening(strict)];
  expect((await overTls("wrong-identity", laxAt, forged)).refused).toBe(false);
  expect((await overTls("wrong-identity", strictAt, forged)).refused).toBe(true);
  expect((await overTls("no-certificate", strictAt)).refused).toBe(true);
  lax.close();
  strict.close();
}, 20_000);

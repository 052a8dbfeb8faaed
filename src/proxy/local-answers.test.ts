/** Answers that an agent makes itself come whole, however full the connection is that they come on. */
import { afterEach, expect, test } from "bun:test";
import type { FieldList } from "#wire/fields";
import { hostilePeer } from "../../test/fakes/hostile-peer.ts";
import { frame, uint32 } from "../../test/fakes/http2-frames.ts";
import { allow, pair, raw, stopAll } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const policies = [allow("test.example/ns/shop/sa/front", ["GET"])];
const POST: FieldList = [":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"];
const NO_WINDOW = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));

test.each([
  ["whose request is whole", true],
  ["whose request goes on", false],
])("a denial reaches a caller %s when it gives room for it", async (_name, isWhole) => {
  const { server } = await pair((_request, response) => response.end(), { policies });
  const peer = await hostilePeer(server.port);
  peer.raw(NO_WINDOW);
  const stream = peer.session.openStream(POST, isWhole);
  if (!isWhole) peer.session.sendData(stream, Buffer.alloc(1000), false);
  peer.flush();
  for (let waits = 0; waits < 100 && peer.answers.length === 0; waits++) await Bun.sleep(5);
  expect(peer.answers[0]?.fields).toContain("policy-denied");
  const seen: Buffer[] = [];
  peer.socket.on("data", (bytes: Buffer) => seen.push(bytes));
  peer.raw(frame(8, 0, stream, uint32(65_535)));
  const isEnded = (): boolean => {
    const all = Buffer.concat(seen);
    for (let at = 0; at + 9 <= all.length; at += 9 + all.readUIntBE(at, 3)) {
      if (all[at + 3] === 0 && all[at + 4] === 1 && all.readUInt32BE(at + 5) === stream) return true;
    }
    return false;
  };
  for (let waits = 0; waits < 100 && !isEnded(); waits++) await Bun.sleep(5);
  expect(isEnded()).toBe(true);
  expect(server.recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({ status: 403, endReason: "policy-denied" });
});

test("a denied upgrade is no switch of protocols, whatever type it says it has", async () => {
  const { client } = await pair((_request, response) => response.end(), {
    policies: [allow("test.example/ns/x/sa/y")],
  });
  const head =
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-type: application/grpc\r\n";
  expect(await raw(client.port, `${head}\r\n`, "\r\n\r\n")).toStartWith("HTTP/1.1 403 Forbidden");
});

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { H2_ERROR } from "#wire/http2";
import { type HostilePeer, hostilePeer } from "../fakes/hostile-peer.ts";
import { endpointAt, raw, startClientSide, startServerSide, stopAll } from "../fakes/proxy-pair.ts";
import { readRequests } from "../fuzz/http1/read.ts";
import { HTTP2_CASES, type Http2Case } from "./downgrade-cases.ts";
import { startProgram } from "./programs.ts";
import { HTTP1_CASES } from "./smuggling-cases.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly body: string;
}

let app = 0;
let outbound = 0;
let peer: HostilePeer;

beforeAll(async () => {
  app = await startProgram("recording-server.mjs");
  // Of a service whose protocol is not declared, what does not begin like HTTP is bytes, which policies for TCP decide about.
  const server = startServerSide(app, { protocol: "http1" });
  outbound = startClientSide({ protocol: "http1", endpoints: [endpointAt(server.port)] }).port;
  peer = await hostilePeer(server.port);
});
afterAll(stopAll);

/** What Node has read since the last time. */
async function seen(): Promise<readonly Seen[]> {
  return (await fetch(`http://127.0.0.1:${app}/seen`)).json() as Promise<readonly Seen[]>;
}

describe("in HTTP/1.1, from a caller through two agents to an app on Node", () => {
  for (const { what, bytes, verdict, why } of HTTP1_CASES) {
    if ("fault" in verdict) {
      test(`${what}: refused, ${verdict.fault} (${why})`, async () => {
        const whole = readRequests([Buffer.from(bytes, "latin1")]);
        expect(whole.fault).toBe(verdict.fault);
        const answer = await raw(outbound, bytes);
        // A body is refused when it comes: its head may have been passed on, and ends there.
        expect(answer).toMatch(/^HTTP\/1\.1 (400|405|431|505) /);
        expect((await seen()).filter(({ url }) => url === "/hidden")).toEqual([]);
      });
      continue;
    }
    test(`${what}: read by the app as one request (${why})`, async () => {
      expect(await raw(outbound, bytes, "answered")).toStartWith("HTTP/1.1 200 ");
      expect(await seen()).toEqual([
        { method: "POST", url: "/case", host: expect.stringMatching(/^shop$/i), body: verdict.body },
      ]);
    });
  }
});

/** Sends a message as it is, and waits for its end. */
async function send({
  fields,
  body,
  trailers,
}: Http2Case): Promise<{ readonly code: number | undefined; readonly status: string | undefined }> {
  const [answers, resets] = [peer.answers.length, peer.resets.length];
  const { session } = peer;
  const stream = session.openStream(fields, body === undefined);
  if (body !== undefined) session.sendData(stream, Buffer.from(body), trailers === undefined);
  if (trailers !== undefined) session.sendHeaders(stream, trailers, true);
  peer.flush();
  while (peer.answers.length === answers && peer.resets.length === resets) await Bun.sleep(1);
  return { code: peer.resets[resets], status: peer.answers[answers]?.fields[1] };
}

describe("in HTTP/2, from a peer to an agent before an app on Node", () => {
  for (const each of HTTP2_CASES) {
    if (each.verdict === "refused") {
      test(`${each.what}: refused (${each.why})`, async () => {
        expect((await send(each)).code).toBe(H2_ERROR.PROTOCOL_ERROR);
        expect((await seen()).filter(({ url }) => url !== "/case")).toEqual([]);
      });
      continue;
    }
    const { body } = each.verdict;
    test(`${each.what}: read by the app as one request (${each.why})`, async () => {
      expect((await send(each)).status).toBe("200");
      const method = each.fields[1] as string;
      expect(await seen()).toEqual([{ method, url: "/case", host: expect.stringMatching(/^shop$/i), body }]);
    });
  }
});

// WebSocket as browsers use it (RFC 6455), over HTTP/1.1 or, with a second argument of "http2", in a stream (RFC 8441). The first
// argument is the port; it prints one JSON object that says of each case how it went.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import WebSocket from "ws";

const [, , port, version = "http1"] = process.argv;
const authority = `127.0.0.1:${port}`;
let session;

async function openedInStream(path, protocols) {
  if (session === undefined) {
    session = connect(`http://${authority}`);
    const [settings] = await once(session, "remoteSettings");
    assert.equal(settings.enableConnectProtocol, true);
  }
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": path,
    "sec-websocket-version": "13",
    ...(protocols && { "sec-websocket-protocol": protocols.join(", ") }),
  });
  const [headers] = await once(stream, "response");
  if (headers[":status"] !== 200) {
    stream.close();
    throw new Error(`Unexpected server response: ${headers[":status"]}`);
  }
  assert.equal(headers["sec-websocket-accept"], undefined);
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 10_000 });
  socket._isServer = false;
  socket._protocol = headers["sec-websocket-protocol"] ?? "";
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 64 * 1024 * 1024 });
  socket.on("error", () => undefined);
  return socket;
}

async function opened({ path = "/chat?room=1", protocols, ...options } = {}) {
  if (version === "http2") return openedInStream(path, protocols);
  const socket = new WebSocket(`ws://${authority}${path}`, protocols ?? [], options);
  await once(socket, "open");
  return socket;
}

async function answer(socket) {
  const [data, isBinary] = await once(socket, "message");
  return { data, isBinary };
}

const cases = {
  async text_and_path() {
    const socket = await opened();
    socket.send("path");
    assert.equal((await answer(socket)).data.toString(), "/chat?room=1");
    socket.send("hello");
    assert.equal((await answer(socket)).data.toString(), "hello");
    socket.terminate();
  },
  async fragments_are_one_message() {
    const socket = await opened({ perMessageDeflate: false });
    for (let index = 0; index < 100; index++) socket.send(`part ${index};`, { fin: index === 99 });
    const { data } = await answer(socket);
    assert.equal(data.toString(), Array.from({ length: 100 }, (_, index) => `part ${index};`).join(""));
    socket.terminate();
  },
  async large_binary() {
    const socket = await opened({ perMessageDeflate: false });
    const sent = Buffer.alloc(5 * 1024 * 1024, "0123456789");
    socket.send(sent);
    const { data, isBinary } = await answer(socket);
    assert.ok(isBinary && data.equals(sent));
    socket.terminate();
  },
  async ping_is_answered() {
    const socket = await opened();
    socket.ping("are you there");
    const [payload] = await once(socket, "pong");
    assert.equal(payload.toString(), "are you there");
    socket.terminate();
  },
  async close_code_of_the_server() {
    const socket = await opened();
    socket.send("close 4321 enough");
    const [code, reason] = await once(socket, "close");
    assert.deepEqual([code, reason.toString()], [4321, "enough"]);
  },
  async close_code_of_the_client() {
    const socket = await opened();
    socket.close(1001, "leaving");
    const [code] = await once(socket, "close");
    assert.equal(code, 1001);
  },
  async subprotocol_is_agreed_on() {
    const socket = await opened({ protocols: ["chat", "superchat"] });
    assert.equal(socket.protocol, "chat");
    socket.terminate();
  },
  async refusal_is_told() {
    // More than an agent has room for at once, should one of them stay behind.
    for (let round = 0; round < 150; round++) {
      await assert.rejects(opened({ path: "/refused" }), /Unexpected server response: 403/);
    }
  },
  async many_at_once() {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => opened()));
    const echoes = await Promise.all(
      sockets.map(async (socket, index) => {
        socket.send(`number ${index}`);
        return (await answer(socket)).data.toString();
      }),
    );
    assert.deepEqual(
      echoes,
      sockets.map((_, index) => `number ${index}`),
    );
    for (const socket of sockets) socket.terminate();
  },
};

const outcome = {};
for (const [name, run] of Object.entries(cases)) {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error("took more than ten seconds")), 10_000).unref(),
  );
  outcome[name] = await Promise.race([run(), late]).then(
    () => "passed",
    (error) => `failed: ${error.message}`,
  );
}
console.log(JSON.stringify(outcome));
process.exit(0);

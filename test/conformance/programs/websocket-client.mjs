// WebSocket as browsers use it (RFC 6455). Its argument is the port; it prints one JSON object that says of each case how it went.
import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const url = `ws://127.0.0.1:${process.argv[2]}/chat?room=1`;

async function opened(options = {}) {
  const socket = new WebSocket(url, options);
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

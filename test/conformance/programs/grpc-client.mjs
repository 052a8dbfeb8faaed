// The client of gRPC's interoperability cases (grpc/grpc, doc/interop-test-descriptions.md), on grpc-js. Its argument is the port to
// call; it prints one JSON object that says of each case whether it passed.
import assert from "node:assert/strict";
import { credentials, Metadata, makeClientConstructor, status } from "@grpc/grpc-js";
import { service } from "./grpc-server.mjs";

const address = `127.0.0.1:${process.argv[2]}`;
const TestClient = makeClientConstructor(service, "TestService");
const client = new TestClient(address, credentials.createInsecure());
const json = (value) => Buffer.from(JSON.stringify(value));

function unary(name, request, metadata = new Metadata(), options = {}) {
  return new Promise((resolve) => {
    const seen = {};
    const call = client[name](request, metadata, options, (error, response) => {
      seen.error = error;
      seen.response = response;
    });
    call.on("metadata", (initial) => {
      seen.initial = initial;
    });
    call.on("status", (ended) => resolve({ ...seen, status: ended }));
  });
}

/** Everything of a call with a stream of answers: the messages' lengths, and how it ended. */
function answersOf(call) {
  return new Promise((resolve) => {
    const lengths = [];
    let initial;
    call.on("metadata", (metadata) => {
      initial = metadata;
    });
    call.on("data", (message) => lengths.push(message.length));
    call.on("error", () => undefined);
    // grpc-js tells the status as soon as it has it, whether or not all messages have been read.
    const isRead = new Promise((read) => call.on("end", read));
    call.on("status", async (ended) => {
      if (ended.code === status.OK) await isRead;
      resolve({ lengths, initial, status: ended });
    });
  });
}

const cases = {
  async empty_unary() {
    const { response } = await unary("emptyCall", Buffer.alloc(0));
    assert.equal(response.length, 0);
  },
  async large_unary() {
    const body = Buffer.concat([json({ size: 314_159 }), Buffer.alloc(271_828 - 16, 0x20)]);
    const { response } = await unary("unaryCall", body);
    assert.equal(response.length, 314_159);
  },
  async very_large_unary() {
    const { response } = await unary("unaryCall", json({ size: 3 * 1024 * 1024 }));
    assert.equal(response.length, 3 * 1024 * 1024);
  },
  async client_streaming() {
    const total = await new Promise((resolve, reject) => {
      const call = client.streamingInputCall((error, response) => (error ? reject(error) : resolve(String(response))));
      for (const size of [27_182, 8, 1828, 45_904]) call.write(Buffer.alloc(size));
      call.end();
    });
    assert.equal(total, "74922");
  },
  async server_streaming() {
    const { lengths, status: ended } = await answersOf(
      client.streamingOutputCall(json({ sizes: [31_415, 9, 2653, 58_979] })),
    );
    assert.deepEqual(lengths, [31_415, 9, 2653, 58_979]);
    assert.equal(ended.code, status.OK);
  },
  async slow_consumer_of_a_long_stream() {
    const sizes = Array.from({ length: 200 }, () => 65_536);
    const call = client.streamingOutputCall(json({ sizes }));
    call.on("data", () => {
      call.pause();
      setTimeout(() => call.resume(), 1);
    });
    const { lengths, status: ended } = await answersOf(call);
    assert.equal(lengths.length, 200);
    assert.equal(ended.code, status.OK);
  },
  async ping_pong() {
    const call = client.fullDuplexCall();
    const ended = answersOf(call);
    for (const size of [31_415, 9, 2653, 58_979]) {
      call.write(json({ size }));
      await new Promise((resolve) => call.once("data", resolve));
    }
    call.end();
    assert.deepEqual((await ended).lengths, [31_415, 9, 2653, 58_979]);
  },
  async empty_stream() {
    const call = client.fullDuplexCall();
    const ended = answersOf(call);
    call.end();
    const { lengths, status: end } = await ended;
    assert.deepEqual(lengths, []);
    assert.equal(end.code, status.OK);
  },
  async custom_metadata() {
    const metadata = new Metadata();
    metadata.set("x-grpc-test-echo-initial", "test_initial_metadata_value");
    metadata.set("x-grpc-test-echo-trailing-bin", Buffer.from([0xab, 0xab, 0xab]));
    const { initial, status: ended } = await unary("unaryCall", json({ size: 1 }), metadata);
    assert.deepEqual(initial.get("x-grpc-test-echo-initial"), ["test_initial_metadata_value"]);
    assert.deepEqual(ended.metadata.get("x-grpc-test-echo-trailing-bin"), [Buffer.from([0xab, 0xab, 0xab])]);
    const call = client.fullDuplexCall(metadata);
    const seen = answersOf(call);
    call.write(json({ size: 1 }));
    call.end();
    const duplex = await seen;
    assert.deepEqual(duplex.initial.get("x-grpc-test-echo-initial"), ["test_initial_metadata_value"]);
    assert.deepEqual(duplex.status.metadata.get("x-grpc-test-echo-trailing-bin"), [Buffer.from([0xab, 0xab, 0xab])]);
  },
  async status_code_and_message() {
    const wanted = { code: status.UNKNOWN, details: "test status message" };
    const { status: ended } = await unary("unaryCall", json(wanted));
    assert.equal(ended.code, wanted.code);
    assert.equal(ended.details, wanted.details);
    const call = client.fullDuplexCall();
    const seen = answersOf(call);
    call.write(json(wanted));
    call.end();
    const { status: duplex } = await seen;
    assert.equal(duplex.code, wanted.code);
    assert.equal(duplex.details, wanted.details);
  },
  async special_status_message() {
    const details = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    const { status: ended } = await unary("unaryCall", json({ code: status.UNKNOWN, details }));
    assert.equal(ended.code, status.UNKNOWN);
    assert.equal(ended.details, details);
  },
  async unimplemented_method() {
    const { status: ended } = await unary("unimplementedCall", Buffer.alloc(0));
    assert.equal(ended.code, status.UNIMPLEMENTED);
  },
  async unimplemented_service() {
    const path = "/grpc.testing.UnimplementedService/UnimplementedCall";
    const Other = makeClientConstructor({ call: { ...service.emptyCall, path } }, "Other");
    const other = new Other(address, credentials.createInsecure());
    const code = await new Promise((resolve) => other.call(Buffer.alloc(0), (error) => resolve(error?.code)));
    other.close();
    assert.equal(code, status.UNIMPLEMENTED);
  },
  async cancel_after_begin() {
    const code = await new Promise((resolve) => {
      const call = client.streamingInputCall((error) => resolve(error?.code));
      setImmediate(() => call.cancel());
    });
    assert.equal(code, status.CANCELLED);
  },
  async cancel_after_first_response() {
    const call = client.fullDuplexCall();
    const seen = answersOf(call);
    call.write(json({ size: 31_415 }));
    call.once("data", () => call.cancel());
    const { lengths, status: ended } = await seen;
    assert.deepEqual(lengths, [31_415]);
    assert.equal(ended.code, status.CANCELLED);
  },
  async timeout_on_sleeping_server() {
    const call = client.streamingOutputCall(json({ sizes: [1], delayMs: 2000 }), new Metadata(), {
      deadline: Date.now() + 300,
    });
    const { status: ended } = await answersOf(call);
    assert.equal(ended.code, status.DEADLINE_EXCEEDED);
  },
  async many_at_once() {
    const calls = Array.from({ length: 500 }, (_, size) => unary("unaryCall", json({ size })));
    const lengths = (await Promise.all(calls)).map(({ response }) => response?.length);
    assert.deepEqual(
      lengths,
      Array.from({ length: 500 }, (_, size) => size),
    );
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
client.close();
console.log(JSON.stringify(outcome));
process.exit(0);

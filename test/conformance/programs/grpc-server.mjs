// The server of gRPC's interoperability cases, on grpc-js. Messages are bytes whose meaning each method states.
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";

const bytes = (value) => value;
const method = (path, requestStream, responseStream) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

export const service = {
  emptyCall: method("/grpc.testing.TestService/EmptyCall", false, false),
  unaryCall: method("/grpc.testing.TestService/UnaryCall", false, false),
  streamingInputCall: method("/grpc.testing.TestService/StreamingInputCall", true, false),
  streamingOutputCall: method("/grpc.testing.TestService/StreamingOutputCall", false, true),
  fullDuplexCall: method("/grpc.testing.TestService/FullDuplexCall", true, true),
  // Known to the client, but nobody serves it.
  unimplementedCall: method("/grpc.testing.TestService/UnimplementedCall", false, false),
};

const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";

function echoInitial(call) {
  const [value] = call.metadata.get(INITIAL);
  if (value === undefined) return;
  const metadata = new Metadata();
  metadata.set(INITIAL, value);
  call.sendMetadata(metadata);
}

function trailersOf(call) {
  const metadata = new Metadata();
  const [value] = call.metadata.get(TRAILING);
  if (value !== undefined) metadata.set(TRAILING, value);
  return metadata;
}

/** A request is JSON: sizes of the answers to make, or a status to end with. */
const read = (request) => JSON.parse(request.toString() || "{}");

const handlers = {
  emptyCall: (_call, done) => done(null, Buffer.alloc(0)),
  unaryCall(call, done) {
    echoInitial(call);
    const { size = 0, code, details } = read(call.request);
    if (code !== undefined) done({ code, details, metadata: trailersOf(call) });
    else done(null, Buffer.alloc(size, 0x61), trailersOf(call));
  },
  streamingInputCall(call, done) {
    let total = 0;
    call.on("data", (message) => {
      total += message.length;
    });
    call.on("end", () => done(null, Buffer.from(String(total))));
  },
  async streamingOutputCall(call) {
    const { sizes = [], delayMs = 0 } = read(call.request);
    for (const size of sizes) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (!call.write(Buffer.alloc(size, 0x62))) await new Promise((resolve) => call.once("drain", resolve));
    }
    call.end();
  },
  fullDuplexCall(call) {
    echoInitial(call);
    call.on("data", (message) => {
      const { size = 0, code, details } = read(message);
      if (code !== undefined) call.emit("error", { code, details, metadata: trailersOf(call) });
      else call.write(Buffer.alloc(size, 0x63));
    });
    call.on("end", () => call.end(trailersOf(call)));
  },
};

if (process.argv[1]?.endsWith("grpc-server.mjs")) {
  const server = new Server();
  const { unimplementedCall: _, ...served } = service;
  server.addService(served, handlers);
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

export { status };

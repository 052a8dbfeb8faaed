/** A server of gRPC's health protocol: says on a line where it listens, and changes what it serves at each line it is given. */
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";

const STATUSES = { SERVING: 1, NOT_SERVING: 2 };
let status = STATUSES[process.argv[2] ?? "SERVING"];

const server = new grpc.Server();
server.addService(
  {
    Check: {
      path: "/grpc.health.v1.Health/Check",
      requestStream: false,
      responseStream: false,
      requestSerialize: (value) => value,
      requestDeserialize: (bytes) => bytes,
      responseSerialize: (value) => value,
      responseDeserialize: (bytes) => bytes,
    },
  },
  {
    Check({ request }, respond) {
      const service = request.length === 0 ? "" : request.subarray(2).toString();
      if (service === "unknown") return respond({ code: grpc.status.NOT_FOUND });
      if (service === "silent") return undefined;
      return respond(null, Buffer.from([0x08, status]));
    },
  },
);
const port = process.env.PORT ?? "0";
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
  if (error !== null) throw error;
  console.log(bound);
});
createInterface({ input: process.stdin }).on("line", (line) => {
  status = STATUSES[line];
});

/** gRPC's health protocol, `grpc.health.v1.Health/Check`, asked in HTTP/2 with prior knowledge, or in TLS of whoever answers. */
import { connect } from "node:http2";

const CHECK = "/grpc.health.v1.Health/Check";
/** A message is one byte that says it is not compressed, its length in four, and itself. */
const PREFIX_BYTES = 5;
const SERVING = 1;
const NAME_BYTES_MAX = 127;

/** `HealthCheckRequest { string service = 1 }`. */
function requestFor(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, NAME_BYTES_MAX);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** `HealthCheckResponse { ServingStatus status = 1 }`; a field that is 0 is left out. */
function statusIn(answer: Buffer): number {
  const message = answer.subarray(PREFIX_BYTES);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}

/** Whether a server says within `timeoutMs` that it serves; `service` is the name that is asked for, "" for the server as a whole. */
export function isGrpcServing(
  address: string,
  port: number,
  { service, timeoutMs, isTls }: GrpcProbe,
): Promise<boolean> {
  return new Promise((resolve) => {
    const host = address.includes(":") ? `[${address}]` : address;
    const session = connect(`${isTls ? "https" : "http"}://${host}:${port}`, { rejectUnauthorized: false });
    const end = (isServing: boolean): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(isServing);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    session.on("error", () => end(false));
    const stream = session.request({
      ":method": "POST",
      ":path": CHECK,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let answer = Buffer.alloc(0);
    let isOk = false;
    stream.on("data", (part: Buffer) => {
      if (answer.length < NAME_BYTES_MAX) answer = Buffer.concat([answer, part]);
    });
    stream.on("trailers", (trailers) => {
      isOk = Number(trailers["grpc-status"]) === 0;
    });
    stream.on("error", () => end(false));
    stream.on("end", () => end(isOk && statusIn(answer) === SERVING));
    stream.end(requestFor(service));
  });
}

export interface GrpcProbe {
  readonly service: string;
  readonly timeoutMs: number;
  readonly isTls: boolean;
}

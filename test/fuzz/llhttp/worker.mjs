// Node's own HTTP parser, llhttp, in strict mode: reads batches from standard input and tells how it read them on standard output.
// A batch is four bytes of length, then inputs: kind, flags, number of slices (2 bytes), their lengths (4 bytes each), their bytes.
import common from "node:_http_common";

const { HTTPParser } = common;
const HEAD_BYTES_MAX = 1 << 20;
const FINISH = 1;
/** What `onHeadersComplete` returns: read the body as framed, there is none, or another protocol follows. */
const AS_FRAMED = 0;
const NO_BODY = 1;
const SWITCHED = 2;

const parser = new HTTPParser();
let reading;
let fields = [];
let url = "";
let answers = "GET";

parser[HTTPParser.kOnHeaders | 0] = (more, moreUrl) => {
  fields.push(...more);
  url += moreUrl;
};
// The parser calls with as many parameters as it has to tell.
parser[HTTPParser.kOnHeadersComplete | 0] = (...told) => {
  const [, minor, allFields, method, wholeUrl, status, , upgrade, keepAlive] = told;
  reading.messages.push({
    minor,
    fields: allFields ?? fields,
    method: method === undefined ? "" : common.methods[method],
    target: wholeUrl ?? url,
    status: status ?? 0,
    upgrade,
    keepAlive,
    body: "",
    trailers: [],
    isWhole: false,
  });
  fields = [];
  url = "";
  if (answers === "HEAD") return NO_BODY;
  return answers === "CONNECT" && status >= 200 && status < 300 ? SWITCHED : AS_FRAMED;
};
parser[HTTPParser.kOnBody | 0] = (bytes, start, length) => {
  const part = start === undefined ? bytes : bytes.subarray(start, start + length);
  reading.messages.at(-1).body += part.toString("latin1");
};
parser[HTTPParser.kOnMessageComplete | 0] = () => {
  const message = reading.messages.at(-1);
  message.trailers = fields;
  message.isWhole = true;
  fields = [];
  // Trailers are told together with the target once more.
  url = "";
  reading.whole++;
};

/** Feeds the slices one after the other, and notes how many messages were whole after each. */
function read(kind, flags, slices) {
  reading = { messages: [], wholeAfter: [], whole: 0, error: "", unread: 0 };
  fields = [];
  url = "";
  answers = ["GET", "HEAD", "CONNECT"][flags >> 1] ?? "GET";
  parser.initialize(kind, {}, HEAD_BYTES_MAX, 0);
  for (const slice of slices) {
    const taken = slice.length === 0 ? 0 : parser.execute(slice);
    reading.wholeAfter.push(reading.whole);
    if (taken instanceof Error) reading.error = taken.code;
    else reading.unread += slice.length - taken;
    if (reading.error !== "" || reading.unread > 0) return reading;
  }
  const ended = (flags & FINISH) === 0 ? undefined : parser.finish();
  if (ended instanceof Error) reading.error = ended.code;
  return reading;
}

function readBatch(batch) {
  const readings = [];
  for (let at = 0; at < batch.length; ) {
    const [kind, flags, count] = [batch[at], batch[at + 1], batch.readUInt16BE(at + 2)];
    const slices = [];
    let start = at + 4 + count * 4;
    for (let index = 0; index < count; index++) {
      const end = start + batch.readUInt32BE(at + 4 + index * 4);
      slices.push(batch.subarray(start, end));
      start = end;
    }
    readings.push(read(kind, flags, slices));
    at = start;
  }
  return readings;
}

let held = Buffer.alloc(0);
process.stdin.on("data", (chunk) => {
  held = Buffer.concat([held, chunk]);
  while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
    const end = 4 + held.readUInt32BE(0);
    const answer = Buffer.from(JSON.stringify(readBatch(held.subarray(4, end))));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(answer.length);
    process.stdout.write(Buffer.concat([length, answer]));
    held = held.subarray(end);
  }
});

// An app that answers "ok", 256 KiB at /large, and takes bodies. Prints its port.
import { createServer } from "node:http";

const large = Buffer.alloc(256 * 1024, "x");
const server = createServer((request, response) => {
  request.on("error", () => undefined);
  if (request.url === "/large") return void response.end(large);
  if (request.method === "GET") return void response.end("ok");
  request.resume().on("end", () => response.end("ok"));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();

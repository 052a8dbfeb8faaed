// Writes down each request that it sees, as Node reads it; /seen tells and forgets them. Prints its port.
import { createServer } from "node:http";

let seen = [];
const server = createServer((request, response) => {
  if (request.url === "/seen") {
    response.end(JSON.stringify(seen));
    seen = [];
    return;
  }
  const entry = { method: request.method, url: request.url, host: request.headers.host, body: "" };
  seen.push(entry);
  request.on("data", (chunk) => {
    entry.body += chunk.toString("latin1");
  });
  request.on("end", () => response.end("answered"));
});
server.on("clientError", (error, socket) => {
  // A connection that breaks is how a request is taken back.
  if (error.code !== "ECONNRESET") seen.push({ method: "unreadable", url: error.code, host: "", body: "" });
  socket.destroy();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();

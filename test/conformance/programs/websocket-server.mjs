// Echoes messages; "close CODE REASON" closes with that code. Prints its port.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: true,
  verifyClient: ({ req }, done) => done(req.url !== "/refused", 403),
});
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket, request) => {
  socket.on("message", (data, isBinary) => {
    const [word, code, reason] = isBinary ? [] : data.toString().split(" ");
    if (word === "close") socket.close(Number(code), reason);
    else if (word === "path") socket.send(request.url);
    else socket.send(data, { binary: isBinary });
  });
});
process.stdin.on("end", () => process.exit(0)).resume();

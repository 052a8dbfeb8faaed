// Connects to the port that it is given, reads nothing for half a second, then everything; prints how many bytes there were.
import { connect } from "node:net";

const socket = connect(Number(process.argv[2]), "127.0.0.1");
let bytes = 0;
socket.pause();
setTimeout(() => {
  socket.on("data", (data) => {
    bytes += data.length;
  });
  socket.on("close", () => console.log(JSON.stringify({ bytes: String(bytes) })));
  socket.resume();
}, 500);

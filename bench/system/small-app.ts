/** An app for machines without nginx. Answers GETs of load generators; prints the port on which it listens. */
import { BODY_BYTES, pathOf } from "./app.ts";

const answers = new Map(BODY_BYTES.map((bytes) => [pathOf(bytes), new Response("x".repeat(bytes))]));

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: Object.fromEntries(answers),
  fetch: () => new Response("there is no such answer", { status: 404 }),
});

console.log(server.port);

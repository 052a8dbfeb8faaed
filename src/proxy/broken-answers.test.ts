import { afterEach, expect, test } from "bun:test";
import { pair, raw, stopAll } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

test("an answer that breaks off is recorded as what it is, also of a caller in HTTP/1.1", async () => {
  const { client } = await pair((_request, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("part");
    setTimeout(() => response.destroy(), 50);
  });
  expect(await raw(client.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).toEndWith("part");
  expect(client.recorder.takeBatch(Date.now())?.series).toMatchObject([{ endReason: "upstream-reset" }]);
});

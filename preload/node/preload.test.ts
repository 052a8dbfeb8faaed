import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { join } from "node:path";

const REGISTER = join(import.meta.dir, "register.cjs");
const PROGRAMS = join(import.meta.dir, "programs");
const AT_ONCE = 16;

interface Relay {
  readonly h1: string;
  readonly h2: string;
  readonly ways: readonly string[];
}

type Fields = Readonly<Record<string, string>>;

function startNode(words: readonly string[]) {
  return Bun.spawn(["node", ...words], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

async function firstLine(child: ReturnType<typeof startNode>): Promise<string> {
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended after: ${text}`);
    text += new TextDecoder().decode(value);
  }
  return text;
}

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");
const contextOf = (number: number): Fields => ({
  traceparent: `00-${hex(number + 0xa000, 32)}-${hex(number + 0xb000, 16)}-01`,
  tracestate: `number=${number}`,
  "x-request-id": `request-${number}`,
});

const relays: { child: ReturnType<typeof startNode>; relay: Relay }[] = [];
let session: ClientHttp2Session;

async function start(words: readonly string[]): Promise<Relay> {
  const child = startNode(words);
  const relay = JSON.parse(await firstLine(child)) as Relay;
  relays.push({ child, relay });
  return relay;
}

async function overHttp1(way: string, fields: Fields, base = relays[0]?.relay.h1): Promise<Fields> {
  const answer = await fetch(`${base}/${way}`, { method: "POST", body: "x".repeat(70_000), headers: fields });
  return (await answer.json()) as Fields;
}

async function overHttp2(way: string, fields: Fields): Promise<Fields> {
  const stream = session.request({ ":method": "POST", ":path": `/${way}`, ...fields });
  stream.end("x".repeat(70_000));
  let text = "";
  stream.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await once(stream, "end");
  return JSON.parse(text) as Fields;
}

function carriedBy(answers: readonly Fields[]): readonly Fields[] {
  return answers.map(({ traceparent, tracestate, "x-request-id": id }) => ({
    traceparent: traceparent ?? "none",
    tracestate: tracestate ?? "none",
    "x-request-id": id ?? "none",
  }));
}

const WAYS = [
  ...["get", "callback-of-answer", "callback-of-body", "body-awaited", "body-piped", "timer", "immediate", "emitter"],
  ...["retried", "required", "header-list", "fetch", "fetch-request", "fetch-headers", "fetch-late", "http2"],
  ...["http2-late", "thread"],
];

beforeAll(async () => {
  const { h2 } = await start(["--require", REGISTER, join(PROGRAMS, "relay.mjs")]);
  session = connect(h2);
});

afterAll(async () => {
  session.destroy();
  for (const { child } of relays) child.kill();
  await Promise.all(relays.map(({ child }) => child.exited));
});

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)("requests that came over %s", (_, ask) => {
  test.each(WAYS)("%s carries the context of its own request", async (way) => {
    const sent = Array.from({ length: way === "thread" ? 2 : AT_ONCE }, (_, number) => contextOf(number));
    const got = await Promise.all(sent.map((fields) => ask(way, fields)));
    expect(carriedBy(got)).toEqual(sent);
  });

  test.each(["own-traceparent", "own-traceparent-list", "own-traceparent-fetch", "own-traceparent-http2"])(
    "%s stands as the app set it",
    async (way) => {
      const got = await ask(way, { ...contextOf(1), b3: "1" });
      expect(got["traceparent"]).toBe("00-11111111111111111111111111111111-1111111111111111-01");
      expect([got["tracestate"], got["b3"]]).toEqual([undefined, undefined] as never);
    },
  );

  test("B3 is carried as it came, and the app's own stands", async () => {
    const b3 = { "x-b3-traceid": hex(7, 32), "x-b3-spanid": hex(8, 16), "x-b3-sampled": "1" };
    expect(await ask("get", b3)).toMatchObject(b3);
    const own = await ask("own-b3", { ...b3, ...contextOf(2) });
    expect(own).toMatchObject({ ...contextOf(2), b3: "0" });
    expect(own["x-b3-traceid"]).toBeUndefined();
  });

  test("a request's id that the app chose stands", async () => {
    expect(await ask("own-request-id", contextOf(3))).toMatchObject({ ...contextOf(3), "x-request-id": "mine" });
  });

  test.each([
    ["no hexadecimal digits", "00-zz7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["too short", "00-0af7651916cd43dd8448eb211c80319c"],
    ["too long", `00-${hex(1, 32)}-${hex(1, 16)}-01-${"x".repeat(5000)}`],
  ])("a malformed traceparent is not carried: %s", async (_, traceparent) => {
    expect(Object.keys(await ask("get", { traceparent }))).not.toContain("traceparent");
  });

  test("a request without a context starts none, also after others on its connection", async () => {
    await ask("get", contextOf(4));
    expect(Object.keys(await ask("get", {}))).not.toContain("traceparent");
  });
});

test("every way is tried", () => {
  expect(relays[0]?.relay.ways.filter((way) => !way.startsWith("own-"))).toEqual(WAYS);
});

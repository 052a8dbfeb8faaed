/**
 * Connections of bytes through two agents, with real sockets: both ends write, end their half, stop reading and break off in any order.
 * What was sent arrives whole and in order unless somebody broke off, and then a beginning of it does; and nothing stays open.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { endpointAt, type Side, startClientSide, startServerSide, stopAll, stops } from "../fakes/proxy-pair.ts";
import { Script } from "./script.ts";
import type { Checker, Target } from "./target.ts";

export const tunnels: Target = {
  name: "tunnels",
  share: 2,
  make: (chance) => chance.bytes(2 + chance.int(chance.odds(0.1) ? 120 : 30)),
  open: () => ({ check, close: () => undefined }) satisfies Checker,
};

/** At once, through the same two agents. */
const TOGETHER = 40;
const ID_BYTES = 4;
/** Far more than anything here takes. */
const PATIENCE_MS = 8000;

/** One end of a tunnel: what it has sent, and what of the other's has come. */
class End {
  readonly socket: Socket;
  readonly #seed: number;
  sent = 0;
  received = 0;
  hasEnded = false;
  hasBroken = false;
  isPaused = false;
  problem: string | undefined;
  readonly #heard = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  /** `seed` tells the bytes of one direction of one tunnel from all others. */
  constructor(socket: Socket, seed: number, otherSeed: number) {
    this.socket = socket;
    this.#seed = seed;
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const isGood = (bytes as Buffer).equals(patterned(otherSeed, this.received, bytes.length));
      if (!isGood) this.problem ??= `bytes: others than were sent, after ${this.received}`;
      this.received += bytes.length;
    });
    socket.on("end", () => this.#heard.resolve());
    socket.on("close", () => {
      this.#heard.resolve();
      this.#closed.resolve();
    });
  }

  /** The other end has ended, or the connection has. */
  get heardEnd(): Promise<void> {
    return this.#heard.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  write(length: number): void {
    if (this.hasEnded || this.hasBroken) return;
    this.socket.write(patterned(this.#seed, this.sent, length));
    this.sent += length;
  }

  end(): void {
    if (this.hasEnded || this.hasBroken) return;
    this.hasEnded = true;
    this.socket.end();
  }

  breakOff(): void {
    this.hasBroken = true;
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (this.isPaused) this.socket.resume();
    this.isPaused = false;
  }
}

/** Two agents before an app that hands each connection to the case whose number it begins with. */
class World {
  readonly #waiting = new Map<number, (socket: Socket) => void>();
  readonly #server: Server;
  #back: Side | undefined;
  #client: Side | undefined;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
    stops.push(() => this.#server.close());
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.#back = startServerSide((this.#server.address() as AddressInfo).port, { protocol: "tcp" });
    this.#client = startClientSide({ endpoints: [endpointAt(this.#back.port)], protocol: "tcp" });
  }

  /** Whether all streams and connections have ended. */
  async isIdle(): Promise<boolean> {
    const startedMs = performance.now();
    await this.#client?.proxy.drain(PATIENCE_MS);
    await this.#back?.proxy.drain(PATIENCE_MS);
    return performance.now() - startedMs < PATIENCE_MS;
  }

  async run(input: Buffer, id: number): Promise<string | undefined> {
    const script = new Script(input);
    const number = Buffer.alloc(ID_BYTES);
    number.writeUInt32BE(id);
    const accepted = new Promise<Socket>((resolve) => this.#waiting.set(id, resolve));
    const port = this.#client?.port ?? 0;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => socket.write(number));
    const caller = new End(socket, id * 2, id * 2 + 1);
    const first = await Promise.race([accepted, caller.closed, late()]);
    if (first === undefined) return "stall: the app was not reached";
    const app = new End(first as Socket, id * 2 + 1, id * 2);
    (first as Socket).resume();
    while (!script.isOver) await step(script, caller, app);
    return settle(caller, app);
  }

  /** The number is read before anything else is. */
  #accept(socket: Socket): void {
    let held = Buffer.alloc(0);
    const take = (bytes: Buffer | string): void => {
      held = Buffer.concat([held, bytes as Buffer]);
      if (held.length < ID_BYTES) return;
      socket.off("data", take);
      socket.pause();
      const rest = held.subarray(ID_BYTES);
      if (rest.length > 0) socket.unshift(rest);
      this.#waiting.get(held.readUInt32BE())?.(socket);
    };
    socket.on("data", take);
    socket.on("error", () => undefined);
    socket.resume();
  }
}

async function step(script: Script, caller: End, app: End): Promise<void> {
  const end = script.pick([caller, app]);
  switch (script.int(10)) {
    case 0:
    case 1:
    case 2:
      return end.write(1 + script.int(2000));
    case 3:
      return end.write(1 + script.int(65_536) * script.pick([1, 1, 8, 64]));
    case 4:
    case 5:
      return end.end();
    case 6:
      return end.pause();
    case 7:
      return end.resume();
    case 8:
      if (script.int(4) === 0) end.breakOff();
      return;
    default:
      return Bun.sleep(script.int(4));
  }
}

/** Both ends say that they are done, read on, and must hear it of the other. */
async function settle(caller: End, app: End): Promise<string | undefined> {
  // One that reads late must not lose what the other has sent before it left.
  await Bun.sleep(caller.isPaused || app.isPaused ? 30 : 0);
  for (const end of [caller, app]) {
    end.end();
    end.resume();
  }
  const ends = Promise.all([caller.heardEnd, app.heardEnd, caller.closed, app.closed]);
  if ((await Promise.race([ends, late()])) === undefined) return `stall: ${told(caller, app)}`;
  const isWhole = !caller.hasBroken && !app.hasBroken;
  return problemOf(caller, app, isWhole) ?? problemOf(app, caller, isWhole);
}

/** Of what came to one end from the other. */
function problemOf(end: End, other: End, isWhole: boolean): string | undefined {
  if (end.problem !== undefined) return end.problem;
  if (end.received > other.sent) return `bytes: ${end.received} came of ${other.sent} that were sent`;
  return isWhole && end.received < other.sent
    ? `lost: ${end.received} came of ${other.sent} that were sent`
    : undefined;
}

function told(caller: End, app: End): string {
  return `the caller sent ${caller.sent} and the app got ${app.received}; the app sent ${app.sent} and the caller got ${caller.received}`;
}

function late(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, undefined).unref());
}

/** Bytes from a place in a direction, where every byte depends on its place. */
function patterned(seed: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (((from + at) * 31) >> 3) ^ (seed * 7);
  return bytes;
}

/** Agents of their own for each batch, which must have come to rest in the end; if they have not, each input is asked by itself. */
async function check(inputs: readonly Buffer[]): Promise<readonly (string | undefined)[]> {
  const world = new World();
  await world.start();
  const problems: (string | undefined)[] = [];
  try {
    for (let at = 0; at < inputs.length; at += TOGETHER) {
      const some = inputs.slice(at, at + TOGETHER);
      problems.push(...(await Promise.all(some.map((input, index) => world.run(input, at + index)))));
    }
    if (await world.isIdle()) return problems;
  } finally {
    await stopAll();
  }
  if (inputs.length === 1) return [problems[0] ?? "leak: a stream or connection stayed open"];
  const single: (string | undefined)[] = [];
  for (const input of inputs) single.push((await check([input]))[0]);
  return single;
}

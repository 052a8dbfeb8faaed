/**
 * Each flood against a running pair of agents, while an honest client goes on. How fast it is alone and under the flood is measured in
 * turns, so that whatever else this machine does meets both.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type HelperProcess, startHelper } from "../fakes/helper-process.ts";
import { type HonestClient, honestClient } from "../fakes/honest-client.ts";
import { type Flood, HTTP1_FLOODS, HTTP2_FLOODS, TLS_FLOODS } from "./programs/floods.ts";
import type { FloodReport, ProxiesReport, ProxiesStart } from "./programs/reports.ts";

const ROUNDS = 3;
const ALONE_MS = 180;
const FLOODED_MS = 400;
/** What is held is held by then; what it took to fetch the answers that nobody reads was asked for and is no flood. */
const SETTLE_MS = 250;
/** What a caller that is served first keeps of its rate. */
const KEPT_MIN = 0.8;
/** A machine that is shared has bad moments: a flood that takes the honest client's rate takes it each time. */
const ATTEMPTS = 5;
/** Before the second attempt; longer before each that follows, since a bad moment may outlast an attempt. */
const PAUSE_MS = 1000;
/** Two agents in one process, that hold for each flood what their limits allow. */
const GROWTH_MAX_MIB = 128;
const MIB = 1024 * 1024;
/** Short, so that a test sees them pass. */
const LIMITS = { headTimeoutMs: 200, handshakeTimeoutMs: 200 };

const ENHANCE_YOUR_CALM = "GOAWAY 11";
/** How connections of a flood must end; `open` where what they cost is bounded, and they may stay. */
const ENDS: Readonly<Record<string, string>> = {
  "rapid reset": ENHANCE_YOUR_CALM,
  CONTINUATION: ENHANCE_YOUR_CALM,
  SETTINGS: ENHANCE_YOUR_CALM,
  PING: ENHANCE_YOUR_CALM,
  "empty DATA": ENHANCE_YOUR_CALM,
  "HPACK bomb": ENHANCE_YOUR_CALM,
  "app/http1/slow head": "closed",
  "app/http1/endless head": "431",
  "app/http2/slow head": "GOAWAY 0",
  "app/http2/slow frame": "GOAWAY 0",
  "mesh/tls/no handshake": "closed",
};

const program = (name: string): string => new URL(`programs/${name}`, import.meta.url).pathname;
const helpers: HelperProcess[] = [];
let proxies: HelperProcess;
let flooder: HelperProcess;
let honest: HonestClient;

beforeAll(async () => {
  const app = startHelper(["node", program("app.mjs")]);
  proxies = startHelper([process.execPath, program("proxies.ts"), String(await app.ask()), JSON.stringify(LIMITS)]);
  const places = (await proxies.ask()) as ProxiesStart;
  flooder = startHelper([process.execPath, program("flooder.ts"), JSON.stringify(places)]);
  helpers.push(flooder, proxies, app);
  honest = await honestClient(places.app, 8);
  // Until what is compiled is compiled.
  await honest.rate(2000);
});

afterAll(async () => {
  honest.stop();
  for (const helper of helpers) await helper.stop();
});

const rssMib = async (): Promise<number> => ((await proxies.ask("rss")) as ProxiesReport).rss / MIB;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

interface Measured {
  /** Share of its rate that the honest client kept. */
  readonly kept: number;
  readonly alone: number;
  readonly flooded: number;
  readonly growthMib: number;
  readonly reports: readonly FloodReport[];
}

async function measure(name: string, isHeld: boolean): Promise<Measured> {
  const alone = [await honest.rate(ALONE_MS)];
  const flooded: number[] = [];
  const reports: FloodReport[] = [];
  const beforeMib = ((await proxies.ask("collect")) as ProxiesReport).rss / MIB;
  let peakMib = 0;
  for (let round = 0; round < ROUNDS; round++) {
    flooder.tell(name);
    if (isHeld) await Bun.sleep(SETTLE_MS);
    flooded.push(await honest.rate(FLOODED_MS));
    peakMib = Math.max(peakMib, await rssMib());
    reports.push((await flooder.ask("stop")) as FloodReport);
    await Bun.sleep(30);
    alone.push(await honest.rate(ALONE_MS));
  }
  // Each turn beside those before and after it: a machine that slows down meets all three.
  const kept = median(flooded.map((rate, round) => (2 * rate) / ((alone[round] ?? 0) + (alone[round + 1] ?? 0))));
  return { kept, alone: median(alone), flooded: median(flooded), growthMib: peakMib - beforeMib, reports };
}

function endsOf(reports: readonly FloodReport[]): Readonly<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (const report of reports) {
    for (const [end, count] of Object.entries(report.ends)) ends[end] = (ends[end] ?? 0) + count;
  }
  return ends;
}

function tell(flood: string, { kept: share, alone, flooded, growthMib, reports }: Measured): void {
  const sum = (of: (report: FloodReport) => number): number => reports.reduce((total, each) => total + of(each), 0);
  const perSecond = (of: (report: FloodReport) => number): number =>
    Math.round(sum(of) / sum(({ seconds }) => seconds));
  const kept = `${Math.round(100 * share)} % (${Math.round(flooded)} of ${Math.round(alone)} a second)`;
  const sent = `${perSecond(({ bytes }) => bytes / 1024)} KiB, ${perSecond(({ frames }) => frames)} frames`;
  const opened = `${perSecond(({ connections }) => connections)} connections a second`;
  const ends = Object.entries(endsOf(reports)).map(([end, count]) => `${count} ${end}`);
  console.log(
    `${flood.padEnd(26)} kept ${kept}; sent ${sent}, ${opened}; ${ends.join(", ")}; ${growthMib.toFixed(0)} MiB more`,
  );
}

const toSide = (side: string, version: string, floods: Readonly<Record<string, Flood>>): [string, Flood][] =>
  Object.entries(floods).map(([name, flood]) => [`${side}/${version}/${name}`, flood]);

describe("an honest client keeps four fifths of its rate under", () => {
  const cases = [
    ...toSide("app", "http1", HTTP1_FLOODS),
    ...toSide("app", "http2", HTTP2_FLOODS),
    // A frame that does not end is read by the same code on both sides.
    ...toSide("mesh", "http2", HTTP2_FLOODS).filter(([name]) => !name.endsWith("slow frame")),
    ...toSide("mesh", "tls", TLS_FLOODS),
  ];
  test.each(cases)("%s", async (name, { held }) => {
    let measured = await measure(name, held > 0);
    for (let attempt = 1; attempt < ATTEMPTS && measured.kept < KEPT_MIN; attempt++) {
      await Bun.sleep(PAUSE_MS * attempt);
      measured = await measure(name, held > 0);
    }
    tell(name, measured);
    expect(honest.failures).toEqual([]);
    expect(measured.kept).toBeGreaterThanOrEqual(KEPT_MIN);
    expect(measured.growthMib).toBeLessThan(GROWTH_MAX_MIB);
    const { open: _open, ...ends } = endsOf(measured.reports);
    const want = ENDS[name] ?? ENDS[name.split("/")[2] ?? ""];
    if (want !== undefined) expect(Object.keys(ends)).toEqual([want]);
  });
});

/** wrk: a closed loop, in which each connection asks again as soon as it is answered. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./children.ts";

export interface ClosedLoop {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface ClosedLoopOutcome {
  readonly command: string;
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly failed: number;
}

/** Numbers as they are, instead of wrk's rounded ones. */
const SCRIPT = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;

export async function closedLoop(
  folder: string,
  { url, connections, seconds }: ClosedLoop,
): Promise<ClosedLoopOutcome> {
  const script = join(folder, "result.lua");
  if (!existsSync(script)) writeFileSync(script, SCRIPT);
  const options = `-t1 -c${connections} -d${seconds}s`;
  const { ok, output } = await run(["wrk", ...options.split(" "), "-s", script, url]);
  const [requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, failed = 0] =
    /^RESULT (.*)$/m.exec(output)?.[1]?.split(" ").map(Number) ?? [];
  if (!ok || requests === 0) throw new Error(`wrk ${options} ${url} measured nothing`);
  const perSecond = requests / (durationUs / 1e6);
  return { command: `wrk ${options} ${new URL(url).pathname}`, requests, perSecond, p50Us, p99Us, failed };
}

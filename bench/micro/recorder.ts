/** Counting one request that ended. */
import { systemClock } from "#engine/time";
import type { EdgeKey, Party } from "#telemetry";
import { Recorder, RequestRecord } from "#telemetry/record";
import type { Piece } from "./timing.ts";

const party = (workload: string): Party => ({
  namespace: "shop",
  workload,
  instance: `${workload}-1`,
  principal: `spiffe://mesh.example/ns/shop/sa/${workload}`,
  service: workload,
  version: "v1",
});

/** Drained as an agent does after so many requests: about once a second under load. */
const PER_BATCH = 10_000;

function recorderOf(reporter: EdgeKey["reporter"]): { readonly recorder: Recorder; readonly record: RequestRecord } {
  const recorder = new Recorder({ instance: "front-1", clock: systemClock });
  const record = new RequestRecord();
  const parties = { source: party("front"), destination: party("back") };
  record.edge = recorder.openEdge({ reporter, ...parties, protocol: "http", mtls: true });
  const startUs = systemClock.nowUs();
  Object.assign(record, { receivedUs: startUs, chosenUs: startUs + 3, sentUs: startUs + 10, status: 200 });
  Object.assign(record, { firstByteUs: startUs + 900, doneUs: startUs + 950, method: "GET", path: "/api/orders" });
  return { recorder, record };
}

function finish(): Piece {
  const { recorder, record } = recorderOf("source");
  let count = 0;
  return {
    name: "recorder finish, drained each 10,000",
    run() {
      recorder.finish(record);
      count++;
      if (count % PER_BATCH === 0) recorder.takeBatch(systemClock.nowMs());
      return 1;
    },
  };
}

/** At a destination, where what was decided is recorded too. */
function finishDecided(name: string, paths: readonly string[]): Piece {
  const { recorder, record } = recorderOf("destination");
  const policy = "AuthorizationPolicy/shop/front-may-ask";
  Object.assign(record, { verdict: "allow", policy, rule: 0, port: 8080, authority: "back.shop.svc:8080" });
  let count = 0;
  return {
    name: `recorder finish of a decision, ${name}`,
    run() {
      record.path = paths[count % paths.length] as string;
      recorder.finish(record);
      count++;
      if (count % PER_BATCH === 0) recorder.takeBatch(systemClock.nowMs());
      return 1;
    },
  };
}

const IDENTIFIERS = Array.from({ length: 5000 }, (_, id) => `/api/orders/${id * 7919}/items?page=${id}`);

export const recorderPieces = (): readonly Piece[] => [
  finish(),
  finishDecided("one path", ["/api/orders"]),
  finishDecided("5,000 identifiers", IDENTIFIERS),
];

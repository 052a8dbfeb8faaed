/** Counting one request that ended. */
import { systemClock } from "#engine/time";
import type { Party } from "#telemetry";
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

function finish(): Piece {
  const recorder = new Recorder({ instance: "front-1", clock: systemClock });
  const record = new RequestRecord();
  record.edge = recorder.openEdge({
    reporter: "source",
    source: party("front"),
    destination: party("back"),
    protocol: "http",
    mtls: true,
  });
  const startUs = systemClock.nowUs();
  Object.assign(record, { receivedUs: startUs, chosenUs: startUs + 3, sentUs: startUs + 10, status: 200 });
  Object.assign(record, { firstByteUs: startUs + 900, doneUs: startUs + 950, method: "GET", path: "/api/orders" });
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

export const recorderPieces = (): readonly Piece[] => [finish()];

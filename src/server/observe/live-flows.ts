import type { FlowView } from "#api";
import type { Cancel, Timers } from "#engine/time";
import type { ObservedRequest } from "#telemetry";
import { type FlowFilter, flowViewOf, matchesFlow } from "./flow-view.ts";

export interface LiveFlowSource {
  onSample(listener: (sample: ObservedRequest) => void): () => void;
}

/** Readers at once; more are refused. */
const STREAMS_MAX = 32;
/** Lines that wait for a slow reader; those beyond are left out and counted. */
const LINES_MAX = 1000;
/** An empty line this often keeps the connection, and finds out that the reader has gone. */
const KEEPALIVE_MS = 10_000;

/** Streams of flows as they arrive, one JSON document a line. */
export class LiveFlows {
  readonly #source: LiveFlowSource;
  readonly #timers: Timers;
  readonly #stops = new Set<() => void>();

  constructor(source: LiveFlowSource, timers: Timers) {
    this.#source = source;
    this.#timers = timers;
  }

  get open(): number {
    return this.#stops.size;
  }

  /** A stream that ends when its reader cancels it or on `stop`; undefined when there are too many already. */
  stream(filter: FlowFilter, isSeen: (flow: FlowView) => boolean = () => true): ReadableStream<Uint8Array> | undefined {
    if (this.#stops.size >= STREAMS_MAX) return undefined;
    const encoder = new TextEncoder();
    let end: () => void = () => undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          let missed = 0;
          const put = (line: string): void => {
            if ((controller.desiredSize ?? 0) <= 0) missed++;
            else controller.enqueue(encoder.encode(`${line}\n`));
          };
          const forget = this.#source.onSample((sample) => {
            const flow = flowViewOf(sample);
            if (!matchesFlow(flow, filter) || !isSeen(flow)) return;
            if (missed > 0 && (controller.desiredSize ?? 0) > 1) {
              put(JSON.stringify({ missed }));
              missed = 0;
            }
            put(JSON.stringify(flow));
          });
          const cancel: Cancel = this.#timers.every(KEEPALIVE_MS, () => put(""));
          end = (): void => {
            forget();
            cancel();
            this.#stops.delete(stop);
          };
          const stop = (): void => {
            end();
            controller.close();
          };
          this.#stops.add(stop);
        },
        cancel: () => end(),
      },
      { highWaterMark: LINES_MAX },
    );
  }

  stop(): void {
    for (const stop of [...this.#stops]) stop();
  }
}

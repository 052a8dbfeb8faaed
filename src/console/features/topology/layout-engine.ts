import Elk from "elkjs/lib/elk-api.js";
import elkWorkerUrl from "elkjs/lib/elk-worker.min.js?url";
import type { KnownTopology } from "./known-topology.ts";
import { type Direction, fitScale, fromElkGraph, type Layout, toElkGraph } from "./layout.ts";

const DIRECTIONS: readonly Direction[] = ["DOWN", "RIGHT"];

/** Computes layouts in a worker, so that a large mesh never holds up the page. */
export class LayoutEngine {
  readonly #elk = new Elk({ workerFactory: () => new Worker(elkWorkerUrl) });

  /** The layout that can be shown largest in the given room, of those from top to bottom and from left to right. */
  async arrange(topology: KnownTopology, room: { readonly width: number; readonly height: number }): Promise<Layout> {
    const layouts = await Promise.all(
      DIRECTIONS.map(async (direction) =>
        fromElkGraph(await this.#elk.layout(toElkGraph(topology, direction)), direction),
      ),
    );
    return layouts.reduce((best, each) => (fitScale(each, room) > fitScale(best, room) ? each : best));
  }

  stop(): void {
    this.#elk.terminateWorker();
  }
}

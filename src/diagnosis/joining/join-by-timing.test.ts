import { describe, expect, test } from "bun:test";
import { callGraph, type GraphSpan, trafficOf } from "../../../test/fakes/call-graphs.ts";
import { joinByTiming } from "./join-by-timing.ts";
import type { TimedSpan } from "./timed-span.ts";

interface Score {
  right: number;
  all: number;
  /** Of those that are stated with a confidence of 0.9 and more. */
  sure: number;
  sureRight: number;
}

/** Joins the traffic of one service by itself, as its agent saw it, and compares with the truth. */
function score(incoming: readonly GraphSpan[], outgoing: readonly GraphSpan[], sum: Score): void {
  const served = incoming.map(({ endpoint, servedFromUs, servedToUs }): TimedSpan => {
    return { kind: String(endpoint), startUs: servedFromUs, endUs: servedToUs };
  });
  const made = outgoing.map(({ endpoint, startUs, endUs }) => ({ kind: String(endpoint), startUs, endUs }));
  for (const [index, { parent, confidence }] of joinByTiming(served, made).entries()) {
    const isRight = parent !== undefined && incoming[parent]?.id === outgoing[index]?.parent;
    const isSure = confidence >= 0.9;
    sum.all += 1;
    sum.right += Number(isRight);
    sum.sure += Number(isSure);
    sum.sureRight += Number(isRight && isSure);
  }
}

function scoreAt(concurrency: number, seeds: readonly number[]): Score {
  const sum = { right: 0, all: 0, sure: 0, sureRight: 0 };
  for (const seed of seeds) {
    const graph = callGraph(seed);
    const spans = trafficOf(graph, { concurrency, requests: 120, seed: seed * 7 });
    const byId = new Map(spans.map((each) => [each.id, each]));
    const serviceOf = (each: GraphSpan | undefined) => graph.endpoints[each?.endpoint ?? -1]?.service ?? "users";
    for (const service of new Set(graph.endpoints.map((endpoint) => endpoint.service))) {
      const incoming = spans.filter((each) => serviceOf(each) === service);
      const outgoing = spans.filter((each) => serviceOf(byId.get(each.parent)) === service);
      score(incoming, outgoing, sum);
    }
  }
  return sum;
}

describe("generated call graphs with caches, retries, fan-out and calls that nobody waits for", () => {
  test.each([
    [1, 0.99, [1, 2]],
    [8, 0.9, [1, 2, 3, 4, 5, 6]],
  ])(
    "with %d users at once at least %d of the parents are right",
    (concurrency, least, seeds) => {
      const { right, all, sure, sureRight } = scoreAt(concurrency, seeds);
      console.log(`${concurrency} at once: ${right} of ${all} right, ${sureRight} of ${sure} that are said to be sure`);
      expect(right / all).toBeGreaterThanOrEqual(least);
      expect(sureRight / sure).toBeGreaterThanOrEqual(0.9);
    },
    120_000,
  );
});

const span = (kind: string, startUs: number, endUs: number): TimedSpan => ({ kind, startUs, endUs });

describe("what timing says", () => {
  test("a call belongs to the request that it lies within", () => {
    const joined = joinByTiming(
      [span("a", 0, 10_000), span("a", 20_000, 30_000)],
      [span("x", 1000, 9000), span("x", 21_000, 29_000)],
    );
    expect(joined.map(({ parent }) => parent)).toEqual([0, 1]);
    expect(joined.every(({ confidence }) => confidence > 0.9)).toBe(true);
  });

  test("a call while nothing was asked belongs to nothing", () => {
    const [joined] = joinByTiming([span("a", 0, 10_000)], [span("x", 500_000, 510_000)]);
    expect(joined?.parent).toBeUndefined();
  });

  test("of two requests that are alike in all, neither is sure", () => {
    const [joined] = joinByTiming([span("a", 0, 10_000), span("a", 0, 10_000)], [span("x", 1000, 9000)]);
    expect(joined?.confidence).toBeLessThan(0.6);
  });

  test("nothing gives nothing", () => {
    expect(joinByTiming([], [])).toEqual([]);
    expect(joinByTiming([span("a", 0, 1)], [])).toEqual([]);
    expect(joinByTiming([], [span("x", 0, 1)])).toMatchObject([{ parent: undefined }]);
  });
});

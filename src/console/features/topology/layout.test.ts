import { describe, expect, test } from "bun:test";
import type { GraphView, NodeView } from "../../api-client/shapes.ts";
import { longestLife, remainingShare } from "./certificate-life.ts";
import { learn, NOTHING_KNOWN } from "./known-topology.ts";
import {
  fitScale,
  fromElkGraph,
  type Layout,
  MAX_LABELLED_EDGES,
  neighbourOf,
  roundedPath,
  toElkGraph,
} from "./layout.ts";

const node = (id: string, notAfterMs: readonly number[] = []): NodeView => ({
  id,
  namespace: "shop",
  name: id,
  role: "service",
  replicas: notAfterMs.map((svidNotAfterMs, index) => ({ instance: `${id}-${index}`, ready: true, svidNotAfterMs })),
});

const graph = (nodes: NodeView[], pairs: readonly (readonly [string, string])[] = []): GraphView => ({
  generatedAtMs: 1_000,
  windowMs: 10_000,
  nodes,
  edges: pairs.map(([source, destination]) => ({
    source,
    destination,
    mtls: true,
    requests: 1,
    requestsPerSecond: 1,
    successRate: 1,
    fromSource: null,
    fromDestination: null,
    denied: 0,
    denyPolicies: [],
  })),
});

describe("what is known of the topology", () => {
  const first = learn(NOTHING_KNOWN, graph([node("b"), node("a")], [["b", "a"]]));

  test("is sorted, so that the order of an answer changes nothing", () => {
    expect(first.nodes.map((each) => each.id)).toEqual(["a", "b"]);
    expect(first).toEqual(learn(NOTHING_KNOWN, graph([node("a"), node("b")], [["b", "a"]])));
  });

  test("stays the same object when an answer adds nothing", () => {
    expect(learn(first, graph([node("a"), node("b")], [["b", "a"]]))).toBe(first);
  });

  test("keeps the place of what fell silent", () => {
    expect(learn(first, graph([node("a")]))).toBe(first);
  });

  test("grows by a new edge", () => {
    expect(learn(first, graph([node("a"), node("b")], [["a", "b"]])).edges.map((each) => each.id)).toEqual([
      "a>b",
      "b>a",
    ]);
  });

  test("leaves out an edge whose end is not a node", () => {
    expect(learn(first, graph([], [["a", "nowhere"]]))).toBe(first);
  });
});

describe("the layout", () => {
  test("gives labels room while there are few, and leaves them out of a crowd", () => {
    const edges = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ id: `e${index}`, source: "a", destination: "b" }));
    const labels = (count: number) =>
      toElkGraph({ nodes: [], edges: edges(count) }, "DOWN").edges?.flatMap((each) => each.labels ?? []).length;
    expect(labels(MAX_LABELLED_EDGES)).toBe(MAX_LABELLED_EDGES);
    expect(labels(MAX_LABELLED_EDGES + 1)).toBe(0);
  });

  test("takes places and routes from the engine, labels by their middle", () => {
    const layout = fromElkGraph(
      {
        id: "map",
        width: 400,
        height: 300,
        children: [{ id: "a", x: 10, y: 20 }],
        edges: [
          {
            id: "a>b",
            sources: ["a"],
            targets: ["b"],
            sections: [{ id: "s", startPoint: { x: 0, y: 0 }, endPoint: { x: 0, y: 100 } }],
            labels: [{ x: 44, y: 33 }],
          },
        ],
      },
      "DOWN",
    );
    expect(layout.nodes.get("a")).toEqual({ x: 10, y: 20 });
    expect(layout.edges.get("a>b")).toEqual({ path: "M0,0 L0,100", label: { x: 100, y: 50 } });
    expect(fitScale(layout, { width: 200, height: 300 })).toBe(0.5);
  });

  test("puts the label of an unlabelled edge at half of its way", () => {
    const section = { id: "s", startPoint: { x: 0, y: 0 }, bendPoints: [{ x: 0, y: 40 }], endPoint: { x: 60, y: 40 } };
    const edges = [{ id: "e", sources: ["a"], targets: ["b"], sections: [section] }];
    expect(fromElkGraph({ id: "map", edges }, "DOWN").edges.get("e")?.label).toEqual({ x: 10, y: 40 });
  });

  test("rounds corners by at most half of the shorter leg", () => {
    const path = roundedPath([
      { x: 0, y: 0 },
      { x: 0, y: 8 },
      { x: 100, y: 8 },
    ]);
    expect(path).toBe("M0,0 L0,4 Q0,8 10,8 L100,8");
    expect(roundedPath([])).toBe("");
  });
});

describe("arrow keys", () => {
  const layout: Layout = {
    direction: "DOWN",
    width: 0,
    height: 0,
    edges: new Map(),
    nodes: new Map([
      ["top", { x: 100, y: 0 }],
      ["left", { x: 0, y: 100 }],
      ["right", { x: 180, y: 100 }],
    ]),
  };

  test.each([
    ["top", "ArrowDown", "right"],
    ["left", "ArrowRight", "right"],
    ["right", "ArrowUp", "top"],
    ["top", "ArrowUp", "none"],
    ["top", "Enter", "none"],
    ["gone", "ArrowUp", "none"],
  ])("from %s by %s to %s", (from, key, to) => {
    expect(neighbourOf(layout, from, key) ?? "none").toBe(to);
  });
});

describe("the life of certificates", () => {
  test("is measured by the freshest that was seen", () => {
    expect(longestLife(0, graph([node("a", [11_000, 16_000])]))).toBe(15_000);
    expect(longestLife(20_000, graph([node("a", [11_000])]))).toBe(20_000);
  });

  test.each([
    [21_000, 1],
    [11_000, 0.5],
    [500, 0],
    [99_000, 1],
  ])("a certificate until %p has %p left", (notAfterMs, share) => {
    expect(remainingShare(notAfterMs, 1_000, 20_000)).toBe(share);
  });

  test("is nothing while no life is known", () => {
    expect(remainingShare(5_000, 1_000, 0)).toBe(0);
  });
});

/** The rule that a request meets where there are many; each has a path of its own, and one header decides between two of the same. */
import { type RouteRule, RouteTable } from "#routing";
import type { Piece } from "./timing.ts";

const rule = (index: number): RouteRule => ({
  source: `HTTPRoute/shop/route-${index}#0`,
  hostnames: [],
  matches: [
    {
      path: { type: index % 3 === 0 ? "Exact" : "PathPrefix", value: `/part-${index >> 1}/orders` },
      headers: index % 2 === 0 ? [] : [{ type: "Exact", name: "x-version", value: "2" }],
      queryParams: [],
      method: undefined,
    },
  ],
  requestHeaders: undefined,
  responseHeaders: undefined,
  redirect: undefined,
  rewrite: undefined,
  mirrors: [],
  backends: [{ service: `shop/part-${index}`, weight: 1, requestHeaders: undefined, responseHeaders: undefined }],
  requestTimeoutMs: undefined,
  attemptTimeoutMs: undefined,
  retry: undefined,
  fault: undefined,
  hedge: undefined,
});

const FIELDS = ["host", "shop.example", "user-agent", "bench", "accept", "*/*", "x-version", "2"];

function match(rules: number): Piece {
  const table = new RouteTable(Array.from({ length: rules }, (_, index) => rule(index)));
  const targets = Array.from({ length: 64 }, (_, index) => {
    const part = Math.floor((index * (rules / 2)) / 64);
    return `/part-${part}/orders${index % 2 === 0 ? "" : "/1842/lines"}?page=2`;
  });
  const requests = targets.map((target) => ({ method: "GET", target, authority: "shop.example", fields: FIELDS }));
  let next = 0;
  return {
    name: `route match, ${rules.toLocaleString("en-US")} rules`,
    run() {
      next = (next + 1) % requests.length;
      const request = requests[next];
      return request === undefined || table.find(request) === undefined ? 0 : 1;
    },
  };
}

export const routePieces = (): readonly Piece[] => [match(10), match(10_000)];

// Catalog: the products, a search over them, and how often each was looked at. Asks inventory what is in stock.
import { call, HttpError, serve } from "./service.js";
import { openState } from "./state.js";

const MATERIALS = ["Oak", "Linen", "Wool", "Brass", "Stoneware", "Walnut"];
const THINGS = ["Shuttle", "Bobbin", "Heddle", "Reed", "Spindle", "Treadle"];
const products = MATERIALS.flatMap((material, row) =>
  THINGS.map((thing, column) => ({
    id: `p${row * THINGS.length + column + 1}`,
    name: `${material} ${thing}`,
    cents: 900 + row * 350 + column * 125,
  })),
);
const byId = new Map(products.map((product) => [product.id, product]));
const state = openState({ views: {} });

function get(id) {
  const product = byId.get(id);
  if (!product) throw new HttpError(404, `there is no product ${id}`);
  return product;
}

serve("catalog", [
  [
    "GET",
    /^\/products$/,
    ({ query }) => {
      const from = Number(query.get("from") ?? 0) || 0;
      return { products: products.slice(from, from + 12), total: products.length };
    },
  ],
  [
    "GET",
    /^\/search$/,
    ({ query }) => {
      const wanted = (query.get("q") ?? "").toLowerCase();
      return { products: products.filter((product) => product.name.toLowerCase().includes(wanted)).slice(0, 12) };
    },
  ],
  [
    "GET",
    /^\/products\/(?<id>p\d+)$/,
    async ({ id, context }) => {
      const product = get(id);
      state.data.views[id] = (state.data.views[id] ?? 0) + 1;
      state.changed();
      const { available } = await call("inventory", `/stock/${id}`, { context });
      return { ...product, available, views: state.data.views[id] };
    },
  ],
  ["GET", /^\/prices\/(?<id>p\d+)$/, ({ id }) => ({ id, cents: get(id).cents })],
]);

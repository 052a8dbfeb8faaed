// Cart: what each shopper has chosen so far.
import { HttpError, serve } from "./service.js";
import { openState } from "./state.js";

/** The oldest cart makes room: carts that nobody comes back for must not fill the memory. */
const CARTS_MAX = 1000;
const ITEMS_MAX = 20;
const state = openState({ carts: {} });

function put(id, items) {
  delete state.data.carts[id];
  state.data.carts[id] = items;
  const ids = Object.keys(state.data.carts);
  if (ids.length > CARTS_MAX) delete state.data.carts[ids[0]];
  state.changed();
  return { id, items };
}

const items = (id) => state.data.carts[id] ?? [];

serve("cart", [
  ["GET", /^\/carts\/(?<id>[\w-]+)$/, ({ id }) => ({ id, items: items(id) })],
  [
    "POST",
    /^\/carts\/(?<id>[\w-]+)\/items$/,
    ({ id, body }) => {
      if (!/^p\d+$/.test(body?.product ?? "")) throw new HttpError(400, "name a product");
      return put(
        id,
        [...items(id), { id: body.product, quantity: Math.min(Number(body.quantity) || 1, 9) }].slice(-ITEMS_MAX),
      );
    },
  ],
  ["DELETE", /^\/carts\/(?<id>[\w-]+)$/, ({ id }) => put(id, [])],
]);

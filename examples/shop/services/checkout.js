// Checkout: turns a cart into an order: reserves the stock, charges the card, empties the cart.
import { call, HttpError, serve } from "./service.js";
import { openState } from "./state.js";

const CENTS_AN_ITEM = 1500;
const state = openState({ orders: 0 });

serve("checkout", [
  [
    "POST",
    /^\/orders$/,
    async ({ body, context }) => {
      const cart = String(body?.cart ?? "");
      if (!/^[\w-]+$/.test(cart)) throw new HttpError(400, "name a cart");
      const { items } = await call("cart", `/carts/${cart}`, { context });
      if (items.length === 0) throw new HttpError(409, "the cart is empty");
      state.data.orders += 1;
      const order = `o${state.data.orders}`;
      const { reservation } = await call("inventory", "/reservations", { method: "POST", body: { items }, context });
      const cents = items.reduce((sum, item) => sum + item.quantity * CENTS_AN_ITEM, 0);
      const { charge } = await call("payments", "/charges", { method: "POST", body: { order, cents }, context });
      await call("cart", `/carts/${cart}`, { method: "DELETE", context });
      state.changed();
      return { order, reservation, charge, cents };
    },
  ],
]);

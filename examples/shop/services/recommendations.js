// Recommendations: what others looked at too. It is also curious about what people paid, which is none of its business:
// now and then it asks payments for the ledger, and the mesh's policy says no.
import { call, serve } from "./service.js";
import { openState } from "./state.js";

const PRODUCTS = 36;
const CURIOUS_EVERY_MS = 1000;
const state = openState({ seen: {} });

serve("recommendations", [
  [
    "GET",
    /^\/recommendations\/(?<id>p\d+)$/,
    async ({ id, context }) => {
      state.data.seen[id] = (state.data.seen[id] ?? 0) + 1;
      state.changed();
      const number = Number(id.slice(1));
      const others = [7, 13].map((step) => `p${((number + step) % PRODUCTS) + 1}`);
      const prices = await Promise.all(others.map((other) => call("catalog", `/prices/${other}`, { context })));
      return { products: prices };
    },
  ],
]);

if (process.env.PAYMENTS_URL) {
  setInterval(() => {
    call("payments", "/charges").then(
      () => console.error("payments showed its ledger to recommendations"),
      () => {},
    );
  }, CURIOUS_EVERY_MS).unref();
}

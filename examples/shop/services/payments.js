// Payments: charges a card and keeps the ledger. Only checkout has any business here.
import { HttpError, serve } from "./service.js";
import { openState } from "./state.js";

const LEDGER_MAX = 200;
const state = openState({ count: 0, cents: 0, ledger: [] });

serve("payments", [
  [
    "POST",
    /^\/charges$/,
    async ({ body }) => {
      const cents = Number(body?.cents);
      if (!Number.isInteger(cents) || cents <= 0) throw new HttpError(400, "an amount in cents is needed");
      // The bank takes a moment.
      await new Promise((resolve) => setTimeout(resolve, 4 + Math.random() * 6));
      state.data.count += 1;
      state.data.cents += cents;
      const charge = { charge: `c${state.data.count}`, order: String(body.order), cents };
      state.data.ledger = [...state.data.ledger, charge].slice(-LEDGER_MAX);
      state.changed();
      return charge;
    },
  ],
  ["GET", /^\/charges$/, () => ({ count: state.data.count, cents: state.data.cents, ledger: state.data.ledger })],
]);

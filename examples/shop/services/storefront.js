// Storefront: what a shopper's browser talks to. Puts pages together from what the other services know.
import { call, HttpError, serve } from "./service.js";
import { openState } from "./state.js";

const state = openState({ pages: 0 });

function counted(page) {
  return async (request) => {
    state.data.pages += 1;
    state.changed();
    return page(request);
  };
}

/** A page without its recommendations is still a page. */
async function recommendations(id, context) {
  const answer = await call("recommendations", `/recommendations/${id}`, { context }).catch(() => ({ products: [] }));
  return answer.products;
}

serve("storefront", [
  [
    "GET",
    /^\/$/,
    counted(async ({ query, context }) => {
      const listing = await call("catalog", `/products?from=${Number(query.get("from")) || 0}`, { context });
      return { title: "The weaver's shop", ...listing };
    }),
  ],
  [
    "GET",
    /^\/search$/,
    counted(({ query, context }) =>
      call("catalog", `/search?q=${encodeURIComponent(query.get("q") ?? "")}`, { context }),
    ),
  ],
  [
    "GET",
    /^\/product\/(?<id>p\d+)$/,
    counted(async ({ id, context }) => {
      const [product, alsoSeen] = await Promise.all([
        call("catalog", `/products/${id}`, { context }),
        recommendations(id, context),
      ]);
      return { ...product, alsoSeen };
    }),
  ],
  ["GET", /^\/cart\/(?<id>[\w-]+)$/, counted(({ id, context }) => call("cart", `/carts/${id}`, { context }))],
  [
    "POST",
    /^\/cart\/(?<id>[\w-]+)$/,
    counted(({ id, body, context }) => {
      if (!body?.product) throw new HttpError(400, "name a product");
      return call("cart", `/carts/${id}/items`, { method: "POST", body, context });
    }),
  ],
  [
    "POST",
    /^\/checkout\/(?<id>[\w-]+)$/,
    counted(({ id, context }) => call("checkout", "/orders", { method: "POST", body: { cart: id }, context })),
  ],
]);

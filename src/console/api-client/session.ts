import { postJson } from "./http.ts";

const CODE = /^#code=([A-Za-z0-9_-]{1,512})$/;

/** The one-time code in the fragment, which a browser never sends to a server by itself. */
export function codeInFragment(fragment: string): string | undefined {
  return CODE.exec(fragment)?.[1];
}

/** Ends the session, if there is one; the next query tells whether it has. */
export async function closeSession(): Promise<void> {
  await postJson("/api/v1/logout", {}).catch(() => undefined);
}

/**
 * Exchanges the one-time code of the address bar for a session cookie.
 *
 * The code leaves the address bar and the history first: it is spent by the exchange, and a copied address should not
 * look as if it could open a session. A refused code is no error here, since an older session may still be good; the
 * first query tells.
 */
export async function openSession(): Promise<void> {
  const code = codeInFragment(location.hash);
  if (code === undefined) return;
  history.replaceState(null, "", location.pathname + location.search);
  await postJson("/api/v1/session", { code }).catch(() => undefined);
}

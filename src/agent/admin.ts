/** What an agent answers on its loopback admin port: readiness for its supervisor, metrics for Prometheus, state for `heddle check`. */
import type { HttpAnswer, HttpReply } from "#engine/http-server";

export interface AdminView {
  /** Names of what is still awaited; empty when ready. */
  readonly missing: () => readonly string[];
  readonly metrics: () => string;
  readonly state: () => object;
}

const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
const TEXT = "text/plain; charset=utf-8";

export function adminAnswer(view: AdminView): HttpAnswer {
  return (path): HttpReply | undefined => {
    switch (path) {
      case "/healthz":
        return { status: 200, contentType: TEXT, body: "alive\n" };
      case "/readyz": {
        const missing = view.missing();
        const body = missing.length === 0 ? "ready\n" : `waiting for: ${missing.join(", ")}\n`;
        return { status: missing.length === 0 ? 200 : 503, contentType: TEXT, body };
      }
      case "/metrics":
        return { status: 200, contentType: PROMETHEUS, body: view.metrics() };
      case "/state":
        return {
          status: 200,
          contentType: "application/json",
          body: `${JSON.stringify(view.state(), undefined, 2)}\n`,
        };
      default:
        return undefined;
    }
  };
}

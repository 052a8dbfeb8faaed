import { join } from "node:path";
import { shopGraph, shopWhy } from "./shop-answers.ts";

/** The strictest policy that could serve the console: no inline script or style, nothing from anywhere else. */
const SECURITY_HEADERS = { "content-security-policy": "default-src 'self'", "x-content-type-options": "nosniff" };

export interface ConsoleServer {
  readonly url: string;
  /** The `x-heddle-request` header and the code of each session that was asked for. */
  readonly sessions: readonly { readonly header: string | null; readonly code: string }[];
  /** What the next answers are: a graph of its own, a refusal, or nothing at all. */
  graph: (nowMs: number, windowMs: number) => object;
  mode: "answering" | "signed-out" | "away";
  stop(): Promise<void>;
}

/** Serves the built console and canned answers of the API on a free port of the loopback interface. */
export function startConsoleServer(directory: string): ConsoleServer {
  const sessions: { header: string | null; code: string }[] = [];
  const state = { graph: shopGraph as ConsoleServer["graph"], mode: "answering" as ConsoleServer["mode"] };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/api/v1/session" && request.method === "POST") {
        const { code } = (await request.json()) as { code: string };
        sessions.push({ header: request.headers.get("x-heddle-request"), code });
        return new Response(null, { status: 204, headers: { "set-cookie": "heddle=1; HttpOnly; SameSite=Strict" } });
      }
      if (pathname.startsWith("/api/")) return answer(pathname, searchParams, state);
      return page(directory, pathname);
    },
  });
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.port}`,
    sessions,
    stop: () => server.stop(true),
  });
}

const WINDOWS: Readonly<Record<string, number>> = { "10s": 10_000, "30s": 30_000, "5m": 300_000 };

function answer(path: string, query: URLSearchParams, state: Pick<ConsoleServer, "graph" | "mode">): Response {
  if (path === "/api/v1/login/methods") return Response.json({ provider: true });
  if (state.mode === "signed-out") return Response.json({ problems: [] }, { status: 401 });
  if (state.mode === "away") return new Response("bad gateway", { status: 502 });
  const now = Date.now();
  if (path === "/api/v1/graph") return Response.json(state.graph(now, WINDOWS[query.get("window") ?? ""] ?? 30_000));
  if (path === "/api/v1/why") return Response.json(shopWhy(query.get("service") ?? "", now));
  return new Response(null, { status: 404 });
}

async function page(directory: string, path: string): Promise<Response> {
  const file = Bun.file(join(directory, path === "/" ? "index.html" : path));
  if (!(await file.exists())) return new Response(null, { status: 404, headers: SECURITY_HEADERS });
  return new Response(file, { headers: SECURITY_HEADERS });
}

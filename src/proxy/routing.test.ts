import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, createServer } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { NamedTextMatch } from "#model";
import type { RouteRule } from "#routing";
import {
  authority,
  echo,
  endpointAt,
  type Handler,
  raw,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";
import { backendRule, routeMatch, routeRule } from "../../test/fakes/route-rules.ts";

afterEach(stopAll);

const V1 = "shop/v1";
const V2 = "shop/v2";
const header = (name: string, value: string): NamedTextMatch => ({ type: "Exact", name, value });
const named =
  (name: string): Handler =>
  (request, response) => {
    response.setHeader("x-served-by", name);
    echo(request, response);
  };

/** A caller of `shop/back` with the rules in force, and two services that they may send to. */
async function routed(rules: readonly RouteRule[], handlers: Readonly<Record<string, Handler>> = {}) {
  const services: Record<`${string}/${string}`, ReturnType<typeof endpointAt>[]> = {};
  for (const key of [V1, V2] as const) {
    const app = await startApp(handlers[key] ?? named(key));
    const side = startServerSide(app.port, {}, authority.identity("shop/back"));
    services[key] = [endpointAt(side.port, { instance: key })];
  }
  const client = startClientSide({ endpoints: [], services, routes: rules });
  return { client, services, url: `http://127.0.0.1:${client.port}` };
}

const served = async (url: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(url, { redirect: "manual", ...init });
  await response.text();
  return `${response.status} ${response.headers.get("x-served-by") ?? response.headers.get("x-heddle-reason") ?? ""}`;
};

describe("a request", () => {
  test("goes where the rule that it meets sends it", async () => {
    const { url } = await routed([
      routeRule("canary", {
        matches: [routeMatch({ headers: [header("x-canary", "yes")] })],
        backends: [backendRule(V2)],
      }),
      routeRule("api", {
        matches: [routeMatch({ path: { type: "PathPrefix", value: "/api" } })],
        backends: [backendRule(V1)],
      }),
    ]);
    expect(await served(`${url}/api/a`)).toBe("200 shop/v1");
    expect(await served(`${url}/`, { headers: { "X-Canary": "yes" } })).toBe("200 shop/v2");
    expect(await served(`${url}/`)).toBe("404 route-not-found");
  });

  test("is refused with 500 by its share where a backend is none, with 503 where one has nobody", async () => {
    const { url } = await routed([
      routeRule("half", {
        matches: [routeMatch({ path: { type: "Exact", value: "/half" } })],
        backends: [backendRule(V1), backendRule(undefined)],
      }),
      routeRule("nobody", {
        matches: [routeMatch({ path: { type: "Exact", value: "/nobody" } })],
        backends: [backendRule("shop/back")],
      }),
      routeRule("none", { matches: [routeMatch({ path: { type: "Exact", value: "/none" } })] }),
    ]);
    const answers = await Promise.all(Array.from({ length: 200 }, () => served(`${url}/half`)));
    const refused = answers.filter((each) => each === "500 backend-not-found").length;
    expect(refused).toBeGreaterThan(60);
    expect(answers.filter((each) => each === "200 shop/v1").length).toBe(200 - refused);
    expect(await served(`${url}/nobody`)).toBe("503 no-healthy-upstream");
    expect(await served(`${url}/none`)).toBe("500 backend-not-found");
  });

  test("that is answered here leaves its connection to the next, and to those sent with it", async () => {
    const { client } = await routed([
      routeRule("api", {
        matches: [routeMatch({ path: { type: "Exact", value: "/api" } })],
        backends: [backendRule(V1)],
      }),
    ]);
    const ask = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
    const answers = await raw(client.port, ask("/1") + ask("/2") + ask("/api") + ask("/3", "Connection: close\r\n"));
    expect([...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)).toEqual([
      "404",
      "404",
      "200",
      "404",
    ]);
  });

  test("is split by weight", async () => {
    const { url } = await routed([routeRule("split", { backends: [backendRule(V1, 9), backendRule(V2, 1)] })]);
    const answers = await Promise.all(Array.from({ length: 500 }, () => served(url)));
    const second = answers.filter((each) => each === "200 shop/v2").length;
    expect(second).toBeGreaterThan(20);
    expect(second).toBeLessThan(90);
  });

  test("and its answer are changed as the rule and the backend say", async () => {
    const backend = {
      ...backendRule(V1),
      requestHeaders: { set: [{ name: "x-backend", value: "b" }], add: [], remove: [] },
      responseHeaders: { set: [], add: [{ name: "x-answer", value: "b" }], remove: ["x-served-by"] },
    };
    const { url } = await routed([
      routeRule("change", {
        matches: [routeMatch({ path: { type: "PathPrefix", value: "/old" } })],
        requestHeaders: {
          set: [{ name: "x-set", value: "1" }],
          add: [{ name: "x-add", value: "2" }],
          remove: ["x-gone"],
        },
        responseHeaders: { set: [], add: [{ name: "x-rule", value: "r" }], remove: [] },
        rewrite: { hostname: "in.example", path: { type: "ReplacePrefixMatch", value: "/new" } },
        backends: [backend],
      }),
    ]);
    const response = await fetch(`${url}/old/a?b=c`, { headers: { "x-set": "0", "x-gone": "1" } });
    const { url: path, headers } = (await response.json()) as { url: string; headers: Record<string, string> };
    expect(path).toBe("/new/a?b=c");
    expect(headers).toMatchObject({ host: "in.example", "x-set": "1", "x-add": "2", "x-backend": "b" });
    expect(headers["x-gone"]).toBeUndefined();
    expect([
      response.headers.get("x-answer"),
      response.headers.get("x-rule"),
      response.headers.get("x-served-by"),
    ]).toEqual(["b", "r", null]);
  });

  test("is sent away by a redirect", async () => {
    const redirect = {
      scheme: "https" as const,
      hostname: undefined,
      path: undefined,
      port: undefined,
      statusCode: 301,
    };
    const { client } = await routed([routeRule("away", { redirect })]);
    const answer = await raw(client.port, "GET /a?b HTTP/1.1\r\nHost: orders:8080\r\n\r\n", "\r\n\r\n");
    expect(answer).toStartWith("HTTP/1.1 301 ");
    expect(answer.toLowerCase()).toContain("location: https://orders/a?b\r\n");
  });

  test("is copied to a mirror, whose answer nobody hears", async () => {
    const copies: string[] = [];
    const { url } = await routed(
      [routeRule("mirrored", { backends: [backendRule(V1)], mirrors: [{ service: V2, share: 1 }] })],
      {
        [V2]: (request, response) => {
          let body = "";
          request.on("data", (chunk: Buffer) => {
            body += chunk.toString();
          });
          request.on("end", () => {
            copies.push(`${request.method} ${request.url} ${body.length}`);
            response.writeHead(500).end("never heard");
          });
        },
      },
    );
    expect(await served(`${url}/a`)).toBe("200 shop/v1");
    expect(await served(`${url}/b`, { method: "POST", body: "x".repeat(200_000) })).toBe("200 shop/v1");
    while (copies.length < 2) await Bun.sleep(5);
    expect(copies.toSorted()).toEqual(["GET /a 0", "POST /b 200000"]);
  });
});

describe("a rule's timeouts and retries", () => {
  test("end a request that takes too long, and let one take longer than the mesh allows", async () => {
    const slow: Handler = (request, response) =>
      void setTimeout(() => response.end("late"), Number(request.url?.slice(6)));
    const rule = (path: string, requestTimeoutMs: number) =>
      routeRule(path, {
        matches: [routeMatch({ path: { type: "PathPrefix", value: path } })],
        requestTimeoutMs,
        backends: [backendRule(V1)],
      });
    const { client, services, url } = await routed([], { [V1]: slow });
    client.update({ services, routes: [rule("/hard", 100), rule("/soft", 0)], requestTimeoutMs: 200 });
    expect(await served(`${url}/hard/300`)).toBe("504 request-timeout");
    expect(await served(`${url}/soft/500`)).toBe("200 ");
  });

  test("try again after the statuses that the rule names", async () => {
    let asked = 0;
    const flaky: Handler = (_request, response) => {
      asked++;
      response.writeHead(asked % 3 === 0 ? 200 : 503).end();
    };
    const retry = { codes: [503], attempts: 2, backoffMs: 5 };
    const { url } = await routed([routeRule("flaky", { backends: [backendRule(V1)], retry })], { [V1]: flaky });
    expect(await served(url, { method: "POST", body: "x" })).toBe("200 ");
    expect(asked).toBe(3);
  });

  test("try again when one attempt takes too long", async () => {
    let asked = 0;
    const stuck: Handler = (_request, response) => {
      asked++;
      if (asked > 1) response.end();
    };
    const rule = routeRule("stuck", { backends: [backendRule(V1)], attemptTimeoutMs: 100, requestTimeoutMs: 5000 });
    const { url } = await routed([rule], { [V1]: stuck });
    expect(await served(url)).toBe("200 ");
    expect(asked).toBe(2);
  });
});

test("connections of bytes go by their own route", async () => {
  const servers = await Promise.all(
    ["a", "b"].map(async (name) => {
      const server = createServer((socket) => socket.end(name));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      stops.push(() => server.close());
      const side = startServerSide((server.address() as AddressInfo).port, { protocol: "tcp" });
      return endpointAt(side.port, { instance: name });
    }),
  );
  const client = startClientSide({
    protocol: "tcp",
    endpoints: servers.slice(0, 1),
    services: { [V2]: servers.slice(1) },
    byteRoutes: [{ source: "TCPRoute/shop/r#0", hostnames: [], backends: [{ service: V2, weight: 1 }] }],
  });
  expect(await raw(client.port, "")).toBe("b");
});

test("a change of routes holds for the next request, and drops what nothing sends to any more", async () => {
  const { client, services, url } = await routed([routeRule("a", { backends: [backendRule(V1)] })]);
  expect(await served(url)).toBe("200 shop/v1");
  client.update({ services, routes: [routeRule("b", { backends: [backendRule(V2)] })] });
  expect(await served(url)).toBe("200 shop/v2");
  client.update({ services: { [V1]: services[V1] ?? [] }, routes: [routeRule("c", { backends: [backendRule(V2)] })] });
  expect(await served(url)).toBe("500 backend-not-found");
});

describe("connections of the app's own TLS", () => {
  async function tlsServices() {
    const identity = authority.identity("shop/back");
    const servers = await Promise.all(
      ["a", "b", "plain"].map(async (name) => {
        const secure = createTlsServer({ key: identity.privateKeyPem, cert: identity.certificateChainPem }, (socket) =>
          socket.end(name),
        );
        const server = name === "plain" ? createServer((socket) => socket.end(name)) : secure;
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        stops.push(() => server.close());
        return endpointAt(startServerSide((server.address() as AddressInfo).port, { protocol: "tcp" }).port, {
          instance: name,
        });
      }),
    );
    const to = (service: `shop/${string}`, ...hostnames: string[]) => ({
      source: service,
      hostnames,
      backends: [{ service, weight: 1 }],
    });
    return startClientSide({
      protocol: "tcp",
      services: { "shop/a": servers.slice(0, 1), "shop/b": servers.slice(1, 2), "shop/plain": servers.slice(2) },
      byteRoutes: [to("shop/a", "a.example.com"), to("shop/b", "*.example.com"), to("shop/plain")],
    });
  }

  const answerFor = (port: number, servername: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
      let answer = "";
      socket.on("data", (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(answer));
    });

  test("go by the server name, and pass as they are", async () => {
    const { port } = await tlsServices();
    expect(await answerFor(port, "a.example.com")).toBe("a");
    expect(await answerFor(port, "x.example.com")).toBe("b");
    // No TLS has no name.
    expect(await raw(port, "hello")).toBe("plain");
  });
});

describe("a rule's request policy", () => {
  test("answers and delays the share of requests that it says", async () => {
    const rule = (path: string, fault: RouteRule["fault"]) =>
      routeRule(path, {
        matches: [routeMatch({ path: { type: "Exact", value: path } })],
        backends: [backendRule(V1)],
        fault,
      });
    const { url } = await routed([
      rule("/abort", { abort: { share: 0.5, status: 418 }, delay: undefined }),
      rule("/delay", { abort: undefined, delay: { share: 1, ms: 150 } }),
    ]);
    const answers = await Promise.all(Array.from({ length: 100 }, () => served(`${url}/abort`)));
    const injected = answers.filter((each) => each === "418 fault-injected").length;
    expect(injected).toBeGreaterThan(25);
    expect(answers.filter((each) => each === "200 shop/v1").length).toBe(100 - injected);
    const started = performance.now();
    expect(await served(`${url}/delay`)).toBe("200 shop/v1");
    expect(performance.now() - started).toBeGreaterThan(145);
  });

  test("asks another replica when the first is slow, and takes the first good answer", async () => {
    const asked: string[] = [];
    const slow: Handler = (request, response) => {
      asked.push("slow");
      request.on("close", () => asked.push("slow left"));
      setTimeout(() => response.end("slow"), 2000);
    };
    const fast: Handler = (_request, response) => {
      asked.push("fast");
      response.end("fast");
    };
    const { client, services } = await routed([], { [V1]: slow, [V2]: fast });
    const both = [...(services[V1] ?? []), ...(services[V2] ?? [])];
    const rule = routeRule("hedged", { backends: [backendRule("shop/both")], hedge: { afterMs: 50 } });
    client.update({ services: { "shop/both": both }, routes: [rule] });
    const url = `http://127.0.0.1:${client.port}`;
    const started = performance.now();
    for (let index = 0; index < 10; index++) expect(await (await fetch(url)).text()).toBe("fast");
    expect(performance.now() - started).toBeLessThan(1500);
    expect(asked).toContain("slow");
    // A request that may do harm twice is sent once.
    const posted = await Promise.all(
      Array.from({ length: 6 }, () => fetch(url, { method: "POST", body: "x" }).then((each) => each.text())),
    );
    expect(posted).toContain("slow");
  }, 20_000);

  test("takes a good answer rather than a bad one that comes first", async () => {
    const bad: Handler = (_request, response) => void setTimeout(() => response.writeHead(500).end(), 100);
    const good: Handler = (_request, response) => void setTimeout(() => response.end("good"), 200);
    const { client, services } = await routed([], { [V1]: bad, [V2]: good });
    const both = [...(services[V1] ?? []), ...(services[V2] ?? [])];
    const rule = routeRule("hedged", { backends: [backendRule("shop/both")], hedge: { afterMs: 20 } });
    client.update({ services: { "shop/both": both }, routes: [rule] });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => fetch(`http://127.0.0.1:${client.port}`).then((each) => each.status)),
    );
    expect(answers).toEqual(Array.from({ length: 10 }, () => 200));
  });
});

import { describe, expect, test } from "bun:test";
import { parseBootstrap } from "../agent/bootstrap.ts";
import type { Application } from "./application.ts";
import { commandWords } from "./command-words.ts";
import { loopbackLayout, portBlockLayout } from "./layout.ts";
import { planUnits, startOrder, type UnitPlan } from "./plan.ts";
import { readApplication } from "./read-application.ts";
import { listenersOf, placeWorkloads } from "./workloads.ts";

function application(spec: string): Application {
  const read = readApplication(
    `apiVersion: heddle.dev/v1\nkind: Application\nmetadata: { name: demo }\nspec:\n  namespace: shop\n${spec}`,
    "heddle.yaml",
  );
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

const THREE = application(`
  services:
    - { name: front, command: node front.js, calls: [back-end], readiness: { path: /healthz }, env: { LEVEL: 3 } }
    - { name: back-end, command: node back.js, replicas: 2, calls: [] }
    - { name: crowd, command: node crowd.js, mesh: false, after: [edge] }
  gateways: [{ name: edge, port: 8080, to: front }]
`);

function plan(given: Application): readonly UnitPlan[] {
  const placed = placeWorkloads(given, loopbackLayout("/project", 0), [4001, 4002, 4003, 4004]);
  return planUnits({
    application: given,
    placed,
    directory: "/project",
    stateDirectory: "/project/.heddle/run",
    heddle: ["bun", "main.ts"],
    server: { agents: "127.0.0.1:7071", api: "127.0.0.1:7070", apiUrl: "http://127.0.0.1:7070" },
    preload: undefined,
  });
}

function unit(id: string): UnitPlan {
  const found = plan(THREE).find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
}

describe("the plan of an application", () => {
  test("has the server, an agent before each program, and the programs", () => {
    expect(plan(THREE).map((each) => each.id)).toEqual([
      "server",
      "front/agent",
      "front",
      "back-end-1/agent",
      "back-end-1",
      "back-end-2/agent",
      "back-end-2",
      "edge/agent",
      "crowd",
    ]);
  });

  test("starts a program after its agent and those it calls, and a gateway after what is behind it", () => {
    expect(unit("front").after).toEqual(["front/agent", "back-end-1", "back-end-2"]);
    expect(unit("back-end-1/agent").after).toEqual(["server"]);
    expect(unit("edge/agent").after).toEqual(["server", "front"]);
    expect(unit("crowd").after).toEqual(["edge/agent"]);
  });

  test("runs versions side by side, each with its label, variables and replicas", () => {
    const units = plan(
      application(`
  services:
    - name: cart
      command: node cart.js
      env: { LEVEL: 1 }
      versions:
        - { name: v1, replicas: 2 }
        - { name: v2, command: node next.js, env: { LEVEL: 2 } }
`),
    );
    const apps = units.filter(({ kind }) => kind === "app");
    expect(
      apps.map(({ id, command, environment }) => [id, command.at(-1), environment["VERSION"], environment["LEVEL"]]),
    ).toEqual([
      ["cart-v1-1", "cart.js", "v1", "1"],
      ["cart-v1-2", "cart.js", "v1", "1"],
      ["cart-v2", "next.js", "v2", "2"],
    ]);
    const documents = units.flatMap(({ file }) => (file === undefined ? [] : [JSON.parse(file.text)]));
    expect(
      documents.map(({ serviceAccount, labels }) => [serviceAccount, labels["app.kubernetes.io/version"]]),
    ).toEqual([
      ["cart", "v1"],
      ["cart", "v1"],
      ["cart", "v2"],
    ]);
  });

  test("has a workload reached where its file says, and bound where it is", () => {
    const units = plan(application(`  services: [{ name: a, command: x, advertise: "10.0.0.9:443" }]\n`));
    const document = parseBootstrap(units.find(({ kind }) => kind === "agent")?.file?.text ?? "", "agent.json");
    expect(document).toMatchObject({
      ok: true,
      value: { mesh: { port: 15_008 }, advertise: { address: "10.0.0.9", port: 443 } },
    });
  });

  test("tells a program where it listens and whom it calls", () => {
    const { environment } = unit("front");
    const address = environment["BACK_END_SERVICE_HOST"];
    expect(address).toMatch(/^127\.\d+\.\d+\.1$/);
    expect(environment).toMatchObject({
      HOST: "127.0.0.1",
      PORT: "4001",
      LEVEL: "3",
      BACK_END_URL: `http://${address}:10001`,
      BACK_END_SERVICE_PORT: "10001",
    });
    expect(unit("crowd").environment["GATEWAY_URL"]).toBe("http://127.0.0.1:8080");
  });

  test("gives each agent a bootstrap document that the agent accepts, and no secret on its command line", () => {
    for (const { file, command, identity } of plan(THREE).filter((each) => each.kind === "agent")) {
      const read = parseBootstrap(file?.text ?? "", file?.path ?? "");
      expect(read.ok ? [] : read.problems).toEqual([]);
      expect(command).toEqual(["bun", "main.ts", "agent", "--config", file?.path ?? ""]);
      expect(identity?.namespace).toBe("shop");
    }
  });

  test("drops what would close a circle of calls", () => {
    const circle = application(`
  services:
    - { name: a, command: x, calls: [b] }
    - { name: b, command: x, calls: [c] }
    - { name: c, command: x, calls: [a, c] }
`);
    expect([...startOrder(circle)]).toEqual([
      ["c", []],
      ["b", ["c"]],
      ["a", ["b"]],
    ]);
  });
});

describe("the places of workloads", () => {
  test.each([
    ["on the loopback network", loopbackLayout("/project", 0)],
    ["on one address", portBlockLayout()],
  ])("%s are all different", (_name, layout) => {
    const listeners = listenersOf(placeWorkloads(THREE, layout, [1, 2, 3, 4])).map((each) => JSON.stringify(each));
    expect(new Set(listeners).size).toBe(listeners.length);
  });

  test("belong to the project's folder", () => {
    const address = (directory: string, attempt = 0) => loopbackLayout(directory, attempt)(0).address;
    expect(address("/a")).toBe(address("/a"));
    expect(address("/a")).not.toBe(address("/b"));
    expect(address("/a")).not.toBe(address("/a", 1));
  });
});

test.each([
  ["node server.js --port 80", ["node", "server.js", "--port", "80"]],
  ["  ./run  now ", ["./run", "now"]],
  ["LEVEL=3 node x.js", ["/bin/sh", "-c", "LEVEL=3 node x.js"]],
  ["node x.js | tee log", ["/bin/sh", "-c", "node x.js | tee log"]],
  ["echo 'a b'", ["/bin/sh", "-c", "echo 'a b'"]],
  [
    ["node", "a b.js"],
    ["node", "a b.js"],
  ],
])("the command %j is started as %j", (command, want) => {
  expect([...commandWords(command)]).toEqual(want);
});

test("certificates are files of the project, and callers are told that the gateway speaks TLS", () => {
  const given = application(`
  services:
    - { name: front, command: x, readiness: { path: /up }, tls: { caCertificates: certs/ca.pem } }
    - { name: crowd, command: y, mesh: false, after: [edge] }
  gateways: [{ name: edge, port: 8443, to: front, tls: { certificate: /etc/edge.pem, privateKey: edge.key } }]
`);
  const units = plan(given);
  const documentOf = (instance: string) =>
    JSON.parse(units.find(({ id }) => id === `${instance}/agent`)?.file?.text ?? "");
  expect(documentOf("front").app.tls).toEqual({ caCertificates: "/project/certs/ca.pem", hostname: "localhost" });
  expect(documentOf("edge").outbound[0].tls).toEqual({ certificate: "/etc/edge.pem", privateKey: "/project/edge.key" });
  expect(units.find(({ id }) => id === "front")?.readiness).toMatchObject({ url: expect.stringMatching(/^https:/) });
  expect(units.find(({ id }) => id === "crowd")?.environment["GATEWAY_URL"]).toBe("https://127.0.0.1:8443");
  for (const { file } of units.filter(({ kind }) => kind === "agent"))
    expect(parseBootstrap(file?.text ?? "", "agent.json").ok).toBe(true);
});

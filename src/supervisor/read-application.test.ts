import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readApplication } from "./read-application.ts";

const HEAD = "apiVersion: heddle.dev/v1\nkind: Application\nmetadata: { name: demo }\nspec:\n";

function problemsOf(spec: string): readonly string[] {
  const read = readApplication(`${HEAD}${spec}`, "heddle.yaml");
  if (read.ok) return [];
  return read.problems.map(({ at, message }) => `${at?.line}:${at?.column} ${at?.field ?? ""} ${message}`);
}

describe("a heddle.yaml", () => {
  test("gets its defaults", () => {
    const read = readApplication(
      `${HEAD}  services:\n    - { name: orders, command: node orders.js }\n`,
      "heddle.yaml",
    );
    expect(read).toEqual({
      ok: true,
      value: {
        name: "demo",
        namespace: "default",
        trustDomain: "demo.local",
        svidTtlMs: 3_600_000,
        resources: [],
        gateways: [],
        services: [
          {
            name: "orders",
            command: "node orders.js",
            directory: ".",
            replicas: 1,
            versions: [],
            port: undefined,
            calls: [],
            after: [],
            role: "service",
            protocol: "auto",
            mesh: true,
            readiness: { path: undefined, grpc: undefined, withinMs: 30_000 },
            env: {},
          },
        ],
      },
    });
  });

  test("of the shop is understood", () => {
    const path = `${import.meta.dir}/../../examples/shop/heddle.yaml`;
    const read = readApplication(readFileSync(path, "utf8"), path);
    expect(read.ok ? read.value.svidTtlMs : read.problems).toBe(20_000);
  });

  test.each([
    [
      "an unknown field",
      "  services: [{ name: a, command: x, replica: 2 }]",
      "5:37 spec.services[0].replica there is no field `replica` here; did you mean `replicas`?",
    ],
    ["a bad name", "  services: [{ name: A_b, command: x }]", "5:22 spec.services[0].name must be lower-case"],
    ["a missing command", "  services: [{ name: a }]", "5:14 spec.services[0].command is missing"],
    [
      "a number for a command",
      "  services: [{ name: a, command: 4 }]",
      "5:34 spec.services[0].command must be text or a list",
    ],
    ["a word for a number", "  services: [{ name: a, command: x, replicas: many }]", "must be a number"],
    ["an unknown role", "  services: [{ name: a, command: x, role: z }]", "must be `service` or `load-balancer`"],
    [
      "a bad duration",
      "  mesh: { svidTtl: soon }\n  services: [{ name: a, command: x }]",
      "5:20 spec.mesh.svidTtl must be a duration",
    ],
    [
      "a call to nobody",
      "  services: [{ name: a, command: x, calls: [b] }]",
      "5:45 spec.services[0].calls[0] there is no meshed service `b`",
    ],
    [
      "a gateway to nobody",
      "  services: [{ name: a, command: x }]\n  gateways: [{ name: g, port: 80, to: z }]",
      "6:39 spec.gateways[0].to there is no",
    ],
    [
      "a name used twice",
      "  services: [{ name: a, command: x }, { name: a, command: y }]",
      "the name `a` is used twice",
    ],
    [
      "a port for two",
      "  services: [{ name: a, command: x, port: 80, replicas: 2 }]",
      "replicas cannot share one port",
    ],
    [
      "a port for two versions",
      "  services: [{ name: a, command: x, port: 80, versions: [{ name: v1 }, { name: v2 }] }]",
      "replicas cannot share one port",
    ],
    [
      "replicas beside versions",
      "  services: [{ name: a, command: x, replicas: 2, versions: [{ name: v1 }] }]",
      "is said by each of `versions`",
    ],
    [
      "a version that is there twice",
      "  services: [{ name: a, command: x, versions: [{ name: v1 }, { name: v1 }] }]",
      "the version `v1` is there twice",
    ],
    [
      "an address without a port to be reached at",
      "  services: [{ name: a, command: x, advertise: 10.0.0.1 }]",
      "spec.services[0].advertise must be written `address:port`",
    ],
    [
      "a program outside the mesh that is reached elsewhere",
      "  services: [{ name: a, command: x, mesh: false, advertise: '10.0.0.1:80' }]",
      "has no agent to be reached",
    ],
    ["broken YAML", "  services: [", "5:"],
  ])("with %s is refused at its place", (_name, spec, want) => {
    expect(problemsOf(spec).join("\n")).toContain(want);
  });

  test("tells all that is wrong at once", () => {
    expect(problemsOf("  services: [{ name: A, command: x, foo: 1 }, { name: b }]").length).toBe(3);
  });
});

/** A topology as files: a `heddle.yaml`, the programs that it starts, and no faults yet. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, writeFiles } from "../../test/fakes/running-mesh.ts";
import { instancesOf, isService, NAMESPACE, type ServiceNode, type Topology, type TopologyNode } from "./topologies.ts";

const PROGRAMS = ["faults.js", "service.js", "relay.js", "balancer.js"];
const READINESS = { path: "/healthz" };

/** Where the callers outside the mesh ask. */
export interface WrittenApplication {
  readonly url: string;
}

function serviceSpec(node: ServiceNode, wayPort: number | undefined): object {
  const { name, ownMs, slots = 64, calls = [], replicas = 1, versions } = node;
  return {
    name,
    command: "node service.js",
    ...(versions === undefined
      ? { replicas }
      : { versions: Object.entries(versions).map(([version, count]) => ({ name: version, replicas: count })) }),
    ...(wayPort === undefined ? {} : { advertise: `127.0.0.1:${wayPort}` }),
    calls: calls.flat().map(({ to }) => to),
    readiness: READINESS,
    env: { FAULT_FILE: "faults.json", SPEC: JSON.stringify({ ownMs, slots, calls }) },
  };
}

function waySpec(name: string, port: number, wrong: string): object {
  const agentFile = (instance: string): string => `.heddle/run/agents/${instance}.json`;
  const files = { AGENT_FILE: agentFile(name), WRONG_AGENT_FILE: agentFile(wrong) };
  const env = { FAULT_FILE: "faults.json", LISTEN_PORT: port, ...files };
  return { name: `${name}-way`, command: "node relay.js", mesh: false, env, port };
}

function balancerSpec(node: Extract<TopologyNode, { kind: "balancer" }>): object {
  const { name, program, to } = node;
  const env = { FAULT_FILE: "faults.json", KIND: program, TO: to };
  return { name, role: "load-balancer", command: "node balancer.js", calls: [to], readiness: READINESS, env };
}

export async function writeApplication(topology: Topology, folder: string): Promise<WrittenApplication> {
  const port = await freePort();
  const services: object[] = [];
  for (const node of topology.nodes) {
    if (node.kind === "balancer") {
      services.push(balancerSpec(node));
      continue;
    }
    const wayPort = node.hasWay ? await freePort() : undefined;
    services.push(serviceSpec(node, wayPort));
    const other = topology.nodes.find((each) => each !== node && isService(each));
    const [wrong] = other === undefined || !isService(other) ? [] : instancesOf(other);
    if (wayPort !== undefined && wrong !== undefined) services.push(waySpec(node.name, wayPort, wrong));
  }
  const application = {
    apiVersion: "heddle.dev/v1",
    kind: "Application",
    metadata: { name: "lab" },
    spec: {
      namespace: NAMESPACE,
      mesh: { trustDomain: "lab.example", svidTtl: "1h" },
      services,
      gateways: [{ name: "edge", port, to: topology.entry }],
    },
  };
  writeFiles(folder, { "heddle.yaml": JSON.stringify(application) });
  for (const program of PROGRAMS) copyFileSync(join(import.meta.dir, "programs", program), join(folder, program));
  return { url: `http://127.0.0.1:${port}` };
}

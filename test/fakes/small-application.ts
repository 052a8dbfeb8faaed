/** The files of a small application: an edge, `front` that calls `back` (two replicas), and `intruder` that may not. */
import { freePort } from "./running-mesh.ts";

const SERVICE = `
import http from "node:http";
const [name] = process.argv.slice(2);
http.createServer(async (request, response) => {
  if (request.url === "/healthz") return void response.end("ok");
  try {
    const next = process.env.BACK_URL;
    const { traceparent } = request.headers;
    const text = next === undefined ? "" : await (await fetch(next + request.url, { headers: { traceparent }, signal: AbortSignal.timeout(3000) })).text();
    response.end(JSON.stringify({ name, instance: process.env.INSTANCE, text }));
  } catch (error) {
    response.statusCode = 502;
    response.end(String(error));
  }
}).listen(Number(process.env.PORT), process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
`;

/** Calls what it may not, over and over, and writes down each status. */
const INTRUDER = `
import http from "node:http";
import { appendFileSync } from "node:fs";
http.createServer((_, response) => response.end("ok")).listen(Number(process.env.PORT), process.env.HOST);
const attempt = async () => {
  const status = await fetch(process.env.BACK_URL, { signal: AbortSignal.timeout(2000) }).then((response) => response.status, () => "failed");
  appendFileSync("attempts.txt", status + "\\n");
  setTimeout(attempt, 50);
};
attempt();
process.on("SIGTERM", () => process.exit(0));
`;

const POLICIES = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: default-deny, namespace: small }
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: back-callers, namespace: small }
spec:
  selector: { matchLabels: { app: back } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["small.example/ns/small/sa/front"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: front-callers, namespace: small }
spec:
  selector: { matchLabels: { app: front } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["small.example/ns/small/sa/edge"] } }]
`;

export interface SmallApplication {
  readonly files: Readonly<Record<string, string>>;
  /** Where callers outside the mesh ask. */
  readonly gateway: string;
}

export async function smallApplication(svidTtl = "20s"): Promise<SmallApplication> {
  const port = await freePort();
  const yaml = `
apiVersion: heddle.dev/v1
kind: Application
metadata: { name: small }
spec:
  namespace: small
  mesh: { trustDomain: small.example, svidTtl: ${svidTtl} }
  resources: [policies.yaml]
  services:
    - { name: back, command: node service.mjs back, replicas: 2, readiness: { path: /healthz } }
    - { name: front, command: node service.mjs front, calls: [back], readiness: { path: /healthz } }
    - { name: intruder, command: node intruder.mjs, calls: [back], readiness: { path: /healthz } }
  gateways:
    - { name: edge, port: ${port}, to: front }
`;
  const files = { "heddle.yaml": yaml, "service.mjs": SERVICE, "intruder.mjs": INTRUDER, "policies.yaml": POLICIES };
  return { files, gateway: `http://127.0.0.1:${port}` };
}

import { z } from "zod";
import { APP_PROTOCOLS, failure, type Problem, problem, type Result, success } from "#model";
import {
  durationMs as duration,
  label,
  type Path,
  placeOf,
  port,
  readSource,
  type Source,
  schemaProblems,
  sourceValue,
  syntaxProblems,
} from "#model/manifest";
import type { Application, ApplicationService } from "./application.ts";

const REPLICAS_MAX = 20;
const SERVICES_MAX = 50;
const DEFAULT_SVID_TTL_MS = 3_600_000;
const DEFAULT_READY_WITHIN_MS = 30_000;

const value = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const readiness = z
  .strictObject({
    path: z.string().startsWith("/", "must begin with `/`").optional(),
    grpc: z.string().max(127).optional(),
    within: duration.optional(),
  })
  .refine(({ path, grpc }) => path === undefined || grpc === undefined, "has both `path` and `grpc`");

const replicas = z.number().int().min(1).max(REPLICAS_MAX).default(1);
const env = z.record(z.string(), value).default({});

const command = z.union([z.string().min(1), z.array(z.string()).min(1)]);

const version = z.strictObject({ name: label, replicas, command: command.optional(), env });

const socketAddress = z
  .string()
  .regex(/^[^:]+:\d{1,5}$/, "must be written `address:port`")
  .transform((text) => ({
    address: text.slice(0, text.indexOf(":")),
    port: Number(text.slice(text.indexOf(":") + 1)),
  }));

const service = z.strictObject({
  name: label,
  command,
  directory: z.string().default("."),
  replicas,
  versions: z.array(version).max(REPLICAS_MAX).default([]),
  advertise: socketAddress.optional(),
  port: port.optional(),
  calls: z.array(label).default([]),
  after: z.array(label).default([]),
  role: z.enum(["service", "load-balancer"]).default("service"),
  protocol: z.enum(APP_PROTOCOLS).default("auto"),
  tls: z
    .strictObject({ caCertificates: z.string().min(1), hostname: z.string().min(1).default("localhost") })
    .optional(),
  mesh: z.boolean().default(true),
  readiness: readiness.default({}),
  env,
});

const gateway = z.strictObject({
  name: label,
  address: z.string().default("127.0.0.1"),
  port,
  tls: z.strictObject({ certificate: z.string().min(1), privateKey: z.string().min(1) }).optional(),
  to: label,
});

const application = z.strictObject({
  apiVersion: z.literal("heddle.dev/v1"),
  kind: z.literal("Application"),
  metadata: z.strictObject({ name: label }),
  spec: z.strictObject({
    namespace: label.default("default"),
    mesh: z.strictObject({ trustDomain: z.string().min(1).optional(), svidTtl: duration.optional() }).default({}),
    resources: z.array(z.string().min(1)).default([]),
    services: z.array(service).min(1).max(SERVICES_MAX),
    gateways: z.array(gateway).default([]),
  }),
});

type Parsed = z.output<typeof application>;

const CODE = "HDL_SUPERVISOR_APPLICATION";

function fault(source: Source, path: Path, message: string): Problem {
  return problem(CODE, message, { at: placeOf(source, path) });
}

function duplicates(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

const replicaCount = (each: z.output<typeof service>): number =>
  each.versions.length === 0 ? each.replicas : each.versions.reduce((sum, { replicas }) => sum + replicas, 0);

/** One thing that a schema cannot say. */
interface Complaint {
  readonly path: Path;
  readonly message: string;
}

function serviceComplaints(spec: Parsed["spec"], index: number, meshed: ReadonlySet<string>): readonly Complaint[] {
  const each = spec.services[index];
  if (each === undefined) return [];
  const at = ["spec", "services", index];
  const all = [...spec.services, ...spec.gateways].map(({ name }) => name);
  const complaints: (Complaint | undefined)[] = [
    ...each.calls.map((name, position) =>
      meshed.has(name)
        ? undefined
        : { path: [...at, "calls", position], message: `there is no meshed service \`${name}\`` },
    ),
    ...each.after.map((name, position) =>
      all.includes(name)
        ? undefined
        : { path: [...at, "after", position], message: `there is no service or gateway \`${name}\`` },
    ),
    !each.mesh && each.calls.length > 0
      ? { path: [...at, "calls"], message: "a program outside the mesh has no calls in it" }
      : undefined,
    each.versions.length > 0 && each.replicas > 1
      ? { path: [...at, "replicas"], message: "is said by each of `versions`" }
      : undefined,
    ...[...duplicates(each.versions.map(({ name }) => name))].map((name) => ({
      path: [...at, "versions"],
      message: `the version \`${name}\` is there twice`,
    })),
    !each.mesh && each.advertise !== undefined
      ? { path: [...at, "advertise"], message: "a program outside the mesh has no agent to be reached" }
      : undefined,
    each.port !== undefined && replicaCount(each) > 1
      ? { path: [...at, "port"], message: "replicas cannot share one port" }
      : undefined,
    each.tls !== undefined && each.protocol === "tcp"
      ? {
          path: [...at, "tls"],
          message: "bytes (`protocol: tcp`) are passed on as they are, TLS of the program's own too",
        }
      : undefined,
  ];
  return complaints.filter((found) => found !== undefined);
}

/** Names that repeat, and names that lead nowhere. */
function crossChecks(source: Source, spec: Parsed["spec"]): readonly Problem[] {
  const meshed = new Set(spec.services.filter((each) => each.mesh).map((each) => each.name));
  const names = [...spec.services, ...spec.gateways].map((each) => each.name);
  const complaints: readonly Complaint[] = [
    ...[...duplicates(names)].map((name) => ({
      path: ["spec", "services"],
      message: `the name \`${name}\` is used twice`,
    })),
    ...spec.services.flatMap((_, index) => serviceComplaints(spec, index, meshed)),
    ...spec.gateways.flatMap(({ to }, index) =>
      meshed.has(to)
        ? []
        : [{ path: ["spec", "gateways", index, "to"], message: `there is no meshed service \`${to}\`` }],
    ),
  ];
  return complaints.map(({ path, message }) => fault(source, path, message));
}

function toService({
  readiness: { path, grpc, within },
  port: given,
  ...rest
}: z.output<typeof service>): ApplicationService {
  return { ...rest, port: given, readiness: { path, grpc, withinMs: within ?? DEFAULT_READY_WITHIN_MS } };
}

function toApplication({ metadata, spec }: Parsed): Application {
  return {
    name: metadata.name,
    namespace: spec.namespace,
    trustDomain: spec.mesh.trustDomain ?? `${metadata.name}.local`,
    svidTtlMs: spec.mesh.svidTtl ?? DEFAULT_SVID_TTL_MS,
    resources: spec.resources,
    services: spec.services.map(toService),
    gateways: spec.gateways,
  };
}

/** Reads a `heddle.yaml`. All that is wrong is told at once, each with its file, line and column. */
export function readApplication(text: string, file: string): Result<Application> {
  const source = readSource(text, file);
  const [brokenFirst, ...brokenRest] = syntaxProblems(source, CODE);
  if (brokenFirst !== undefined) return failure(brokenFirst, ...brokenRest);
  const value = sourceValue(source, CODE);
  if (!value.ok) return value;
  const parsed = application.safeParse(value.value, { reportInput: false });
  if (!parsed.success) {
    const [first, ...rest] = schemaProblems(source, parsed.error, { schema: application, code: CODE });
    return failure(first ?? fault(source, [], "is not an application"), ...rest);
  }
  const [first, ...rest] = crossChecks(source, parsed.data.spec);
  return first === undefined ? success(toApplication(parsed.data)) : failure(first, ...rest);
}

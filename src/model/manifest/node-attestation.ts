/** `NodeAttestation`, as users write it. */
import { z } from "zod";
import { JWKS_CHARS_MAX, NODE_FACTS, type NodeAttestation, type NodeAttestor, parseJsonWebKeys } from "#model";
import { metadata } from "./metadata.ts";

const PEM_CHARS_MAX = 262_144;
const WORKLOADS_MAX = 256;
const IDENTITIES_MAX = 64;
const PROJECTS_MAX = 256;
const PATTERNS_MAX = 64;
/** Both parts: a label, `*`, or a label with facts in braces. */
const WORKLOAD = /^(?:\*|(?:[a-z0-9-]|\{[A-Za-z]+\}){1,128})\/(?:\*|(?:[a-z0-9-]|\{[A-Za-z]+\}){1,128})$/;
/** A star stands for anything at one end, or for all. */
const PATTERN = /^(?:\*|\*?[^*]{1,512}|[^*]{1,512}\*)$/;

const caCertificates = z
  .string()
  .max(PEM_CHARS_MAX)
  .includes("-----BEGIN CERTIFICATE-----", { message: "must hold a certificate in PEM" });

const text = z.string().min(1).max(512);

/** Keys that verify nothing would be found out only by the first node that is refused. */
const jwks = z
  .string()
  .max(JWKS_CHARS_MAX)
  .superRefine((value, context) => {
    const keys = parseJsonWebKeys(value);
    if (!keys.ok) context.addIssue({ code: "custom", message: keys.problems[0].message });
  });

const attestors = {
  x509pop: z.strictObject({ caCertificates }).optional(),
  kubernetes: z.strictObject({ issuer: text, audience: text, jwks }).optional(),
  gcp: z.strictObject({ projects: z.array(text).min(1).max(PROJECTS_MAX), audience: text, jwks }).optional(),
};

const identities = z.strictObject({
  workloads: z
    .array(z.string().regex(WORKLOAD, "must be `namespace/serviceaccount`, with `*` or `{fact}` where they are open"))
    .min(1)
    .max(WORKLOADS_MAX),
  where: z
    .record(
      z.string(),
      z.array(z.string().regex(PATTERN, "must be a text with a `*` at one end at most")).min(1).max(PATTERNS_MAX),
    )
    .default({}),
});

type Written = {
  readonly [kind in NodeAttestor["kind"]]?: Omit<Extract<NodeAttestor, { kind: kind }>, "kind"> | undefined;
};

const spec = z
  .strictObject({ ...attestors, identities: z.array(identities).min(1).max(IDENTITIES_MAX) })
  .superRefine(({ identities: given, ...by }, context) => {
    const [kind, ...more] = kindsIn(by);
    if (kind === undefined || more.length > 0) {
      context.addIssue({ code: "custom", message: `must have one of ${Object.keys(NODE_FACTS).join(", ")}` });
      return;
    }
    for (const [index, each] of given.entries())
      for (const name of factsIn(each).filter((fact) => !NODE_FACTS[kind].includes(fact)))
        context.addIssue({
          code: "custom",
          path: ["identities", index],
          message: `${kind} knows no \`${name}\` of a node; it knows ${NODE_FACTS[kind].join(", ")}`,
        });
  })
  .transform(({ identities: given, ...by }): NodeAttestation["spec"] => {
    const [kind = "x509pop"] = kindsIn(by);
    return { attestor: { kind, ...by[kind] } as NodeAttestor, identities: given };
  });

export const nodeAttestation = z.strictObject({
  apiVersion: z.literal("heddle.dev/v1"),
  kind: z.literal("NodeAttestation"),
  metadata: metadata(false),
  spec,
});

function kindsIn(by: Written): readonly NodeAttestor["kind"][] {
  return (Object.keys(NODE_FACTS) as NodeAttestor["kind"][]).filter((kind) => by[kind] !== undefined);
}

function factsIn({ workloads, where }: z.infer<typeof identities>): readonly string[] {
  return [
    ...Object.keys(where),
    ...workloads.flatMap((each) => [...each.matchAll(/\{([A-Za-z]+)\}/g)].map(([, name = ""]) => name)),
  ];
}

/** The spec as users write it. */
export function nodeAttestationSpec({ attestor, identities: given }: NodeAttestation["spec"]): object {
  const { kind, ...by } = attestor;
  return { [kind]: by, identities: given };
}

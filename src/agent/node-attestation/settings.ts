/** How an agent proves what its node is, as the bootstrap document or the command line says it. */

interface Common {
  /** PEM file of the roots by which the server is known before there is an identity. Read anew for each attempt. */
  readonly serverRoots: string;
}

export type NodeAttestationSettings = Common &
  (
    | {
        readonly kind: "x509pop";
        /** PEM files: the host's certificate with its chain, and its key (0600). */
        readonly certificate: string;
        readonly privateKey: string;
      }
    /** The file that the kubelet keeps fresh. */
    | { readonly kind: "kubernetes"; readonly tokenFile: string }
    /** As the `NodeAttestation` has it. `metadataServer` is `http://…`; the cloud's own unless said. */
    | { readonly kind: "gcp"; readonly audience: string; readonly metadataServer?: string }
  );

type Kind = NodeAttestationSettings["kind"];

/** The fields of each kind beside `serverRoots`; all are texts. */
const FIELDS: Readonly<Record<Kind, { readonly needed: readonly string[]; readonly optional: readonly string[] }>> = {
  x509pop: { needed: ["certificate", "privateKey"], optional: [] },
  kubernetes: { needed: ["tokenFile"], optional: [] },
  gcp: { needed: ["audience"], optional: ["metadataServer"] },
};

/** Reads the object; `fault` hears of each field that is not as it should be. */
export function readAttestationSettings(
  from: Readonly<Record<string, unknown>>,
  fault: (field: string, message: string) => void,
): NodeAttestationSettings | undefined {
  const { kind } = from;
  if (!isKind(kind)) {
    fault("kind", `must be one of ${Object.keys(FIELDS).join(", ")}`);
    return undefined;
  }
  const needed = ["serverRoots", ...FIELDS[kind].needed];
  const known = ["kind", ...needed, ...FIELDS[kind].optional];
  for (const name of needed) if (!isText(from[name])) fault(name, "must be a non-empty string");
  for (const [name, value] of Object.entries(from)) {
    if (!known.includes(name)) fault(name, `is not known of ${kind}`);
    else if (!needed.includes(name) && !isText(value)) fault(name, "must be a non-empty string");
  }
  return from as unknown as NodeAttestationSettings;
}

function isKind(value: unknown): value is Kind {
  return typeof value === "string" && Object.hasOwn(FIELDS, value);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

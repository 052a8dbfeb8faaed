/** Claims of tokens that say what a node is, in the form in which Kubernetes and Google Cloud give them. */

const nowS = (): number => Math.floor(Date.now() / 1000);

/** Of `--service-account-issuer`, for a pod's projected volume with `audience: heddle` and an hour. */
export function podClaims(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    aud: ["heddle"],
    exp: nowS() + 3600,
    iat: nowS(),
    nbf: nowS(),
    jti: "5c6f2b51-7a0e-4d0c-9d4c-0f6b8f3b2d11",
    "kubernetes.io": {
      namespace: "shop",
      node: { name: "worker-1", uid: "f2a7c0de-1111-4222-8333-444455556666" },
      pod: { name: "cart-6d5f7c9b8-x2x7k", uid: "49ad0f5e-4b3c-4c66-8f2e-8a54b4e1f0aa" },
      serviceaccount: { name: "cart", uid: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798" },
    },
    sub: "system:serviceaccount:shop:cart",
    ...change,
  };
}

/** Of a metadata server, with `format=full`. */
export function instanceClaims(
  audience: string,
  change: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    aud: audience,
    azp: "113774264463038321964",
    email: "mesh@company-prod.iam.gserviceaccount.com",
    email_verified: true,
    exp: nowS() + 3600,
    google: {
      compute_engine: {
        instance_creation_timestamp: 1_494_556_800,
        instance_id: "152986662232938449",
        instance_name: "cart-1",
        project_id: "company-prod",
        project_number: 739_419_398_126,
        zone: "europe-west1-b",
      },
    },
    iat: nowS(),
    sub: "113774264463038321964",
    ...change,
  };
}

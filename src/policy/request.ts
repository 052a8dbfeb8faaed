/** What a decision is made from. One mutable object that a connection reuses, so that deciding allocates nothing. */
export interface RequestAttributes {
  /** `<trust domain>/ns/<namespace>/sa/<service account>` from the peer's certificate, or "" without one. */
  principal: string;
  /** Namespace of the principal, or "". */
  namespace: string;
  /** `tcp` has no method, path or host. */
  protocol: "http" | "tcp";
  method: string;
  /** Without the query. */
  path: string;
  /** Host as asked for, with its port when it was given. */
  host: string;
  /** Port of the workload that is called. */
  port: number;
}

export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds (`Mesh`, `Namespace`). */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Set by the store: the revision that last changed the object, as a decimal string. Sent back, it must match (optimistic concurrency). */
  readonly resourceVersion?: string;
  /** Set by the store: random and stable for the object's life. */
  readonly uid?: string;
  /** Set by the store: counts changes of `spec`. */
  readonly generation?: number;
  /** Set by the store: RFC 3339. */
  readonly creationTimestamp?: string;
}

/** What every resource has. */
export interface ResourceOf<A extends string, K extends string> {
  readonly apiVersion: A;
  readonly kind: K;
  readonly metadata: ObjectMeta;
}

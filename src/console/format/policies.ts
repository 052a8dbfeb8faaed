/** `AuthorizationPolicy/shop/payments-callers` is shown as `payments-callers`; its kind and namespace follow on demand. */
export function policyName(label: string): string {
  return label.startsWith("default-deny") ? "default-deny" : label.slice(label.lastIndexOf("/") + 1);
}

/** The policies in one short text: the first by name, the others by their number. */
export function summarizePolicies(labels: readonly string[]): string {
  const [first, ...others] = [...new Set(labels.map(policyName))];
  if (first === undefined) return "policy";
  return others.length === 0 ? first : `${first} +${others.length}`;
}

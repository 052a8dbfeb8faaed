const VERSION_LABELS = ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"] as const;

/** Version of a workload by its labels, in the order in which Istio looks for its canonical revision; empty where none says. */
export function versionOf(labels: Readonly<Record<string, string>>): string {
  for (const name of VERSION_LABELS) {
    const version = labels[name];
    if (version !== undefined && version !== "") return version;
  }
  return "";
}

/** Whether all that is wanted is among the labels, value for value. Nothing wanted is met by everything. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([label, value]) => labels[label] === value);
}

/** Whom to ask about an end of a call. */
import { lineageOf, type MeshSnapshot } from "#mesh";
import { type Namespace, OWNER_ANNOTATION } from "#model";
import { type Party, partyName } from "#telemetry";

/** The owner that the service names, else its namespace, else the nearest namespace above; "" where nobody is named. */
export function ownersIn({ inputs, settings }: MeshSnapshot): (party: Party) => string {
  const { resources } = inputs;
  const namespaces = resources.filter((each): each is Namespace => each.kind === "Namespace");
  const named = new Map(
    resources
      .filter(({ kind }) => kind === "Namespace" || kind === "Service")
      .map(({ kind, metadata: { namespace, name, annotations } }) => [
        kind === "Namespace" ? name : `${namespace}/${name}`,
        annotations[OWNER_ANNOTATION] ?? "",
      ]),
  );
  return (party) => {
    const lineage = lineageOf(party.namespace, namespaces, settings.rootNamespace);
    const places = [`${party.namespace}/${partyName(party)}`, ...lineage.toReversed()];
    return places.map((each) => named.get(each) ?? "").find((each) => each !== "") ?? "";
  };
}

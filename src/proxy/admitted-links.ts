/** Every open connection to another agent, in both directions and draining ones too, with the SVID that it was admitted by. */
import { type AdmittedSvid, type BundleSet, type SvidStanding, svidStanding } from "#identity";
import type { Closable } from "./context.ts";

export class AdmittedLinks {
  readonly #links = new Map<Closable, AdmittedSvid>();
  #bundles: BundleSet | undefined;

  add(link: Closable, svid: AdmittedSvid): void {
    this.#links.set(link, svid);
  }

  delete(link: Closable): void {
    this.#links.delete(link);
  }

  /**
   * Looks at every connection again under newer bundles. One whose SVID was revoked, or whose trust domain is trusted no more, ends with
   * what runs on it; one whose authority was replaced finishes what it has. Returns the SVIDs that are trusted no more.
   */
  review(bundles: BundleSet): readonly AdmittedSvid[] {
    if (this.#bundles !== undefined && isSameSet(this.#bundles, bundles)) return [];
    this.#bundles = bundles;
    const standings = [...this.#links].map(([link, svid]) => [link, svid, svidStanding(svid, bundles)] as const);
    for (const [link, , standing] of standings) settle(link, standing);
    return standings.filter(([, , standing]) => standing === "distrusted").map(([, svid]) => svid);
  }
}

function settle(link: Closable, standing: SvidStanding): void {
  if (standing === "distrusted") link.destroy();
  if (standing === "superseded") link.drain();
}

/** Tables are compiled anew for every change, bundles seldom change. */
function isSameSet(a: BundleSet, b: BundleSet): boolean {
  return a.size === b.size && [...a].every(([domain, bundle]) => b.get(domain) === bundle);
}

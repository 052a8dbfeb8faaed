/** The server's databases: what must survive anything in one file, telemetry in another, so that neither can starve or spoil the other. */

import type { Random } from "#engine/random";
import { openSqlite } from "#engine/sqlite";
import type { Clock } from "#engine/time";
import { type AuditEntry, type Result, success } from "#model";
import { DocumentStore, ResourceStore } from "#store";
import { TelemetryStore } from "#telemetry/store";

export interface OpenStores {
  readonly resources: ResourceStore;
  readonly documents: DocumentStore;
  readonly telemetry: TelemetryStore;
  close(): void;
}

export interface StoreSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of each audit entry. */
  readonly onAudit: (entry: AuditEntry) => void;
}

/** Opens `heddle.db` and `telemetry.db`; a damaged one is left as it is and told. */
export async function openStores(
  dataDirectory: string,
  { clock, random, onAudit }: StoreSurroundings,
): Promise<Result<OpenStores>> {
  const state = openSqlite(`${dataDirectory}/heddle.db`, { durability: "full" });
  if (!state.ok) return state;
  const observed = openSqlite(`${dataDirectory}/telemetry.db`, { durability: "normal" });
  if (!observed.ok) {
    state.value.close();
    return observed;
  }
  const stores: OpenStores = {
    resources: new ResourceStore({ database: state.value, clock, random, onAudit }),
    documents: new DocumentStore(state.value),
    telemetry: new TelemetryStore({ database: observed.value }),
    close() {
      observed.value.close();
      state.value.close();
    },
  };
  for (const opened of [stores.resources.open(), await stores.documents.open(), stores.telemetry.open()]) {
    if (opened.ok) continue;
    stores.close();
    return opened;
  }
  return success(stores);
}

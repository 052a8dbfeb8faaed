/** Sources of endpoints. The one so far: workloads that announce themselves through their agents. */
export type { AnnouncedWorkload, Announcement } from "./announcement.ts";
export {
  type EntryState,
  type RegistryEntry,
  type RegistryStore,
  WorkloadRegistry,
  type WorkloadRegistryOptions,
} from "./registry.ts";

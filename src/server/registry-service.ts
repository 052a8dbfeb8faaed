import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { WorkloadRegistry } from "#discovery";
import { namespaceOf, type SpiffeId } from "#identity";
import type { WorkloadKey } from "#model";
import type { Registry } from "#proto";

export interface RegistryServiceOptions {
  readonly registry: WorkloadRegistry;
  /** The caller by its certificate; throws when it has none. */
  readonly callerOf: (context: HandlerContext) => SpiffeId;
  /** A replica left in good order. */
  readonly onLeft: (key: WorkloadKey, spiffeId: SpiffeId) => void;
  /** A token of the issuer named a key that an agent was not given. */
  readonly onUnknownKey: (issuer: string) => void;
}

/** `heddle.v1.Registry` for a connect router. */
export function registryService(options: RegistryServiceOptions): ServiceImpl<typeof Registry> {
  const { registry, callerOf, onLeft, onUnknownKey } = options;
  return {
    announce(request, context) {
      const { revision, servedSvidNotAfterMs, bundleSequence, $typeName: _name, $unknown: _unknown, ...rest } = request;
      const announcement = {
        ...rest,
        revision: Number(revision),
        bundleSequence: Number(bundleSequence),
        servedSvidNotAfterMs: Number(servedSvidNotAfterMs),
      };
      const announced = registry.announce(announcement, callerOf(context));
      if (announced.ok) return { leaseMs: announced.value };
      const [{ code, message }] = announced.problems;
      throw new ConnectError(message, Code.FailedPrecondition, { "heddle-problem": code });
    },
    withdraw(request, context) {
      const caller = callerOf(context);
      registry.withdraw(request.instance, caller);
      onLeft(`${namespaceOf(caller) ?? ""}/${request.instance}`, caller);
      return {};
    },
    reportUnknownKey({ issuer }, context) {
      callerOf(context);
      onUnknownKey(issuer);
      return {};
    },
  };
}

/** How callers prove who they are, as it travels. */
import type { MtlsMode } from "#model";
import { InboundPolicy_Mtls } from "#proto";

const MODES: Readonly<Record<MtlsMode, InboundPolicy_Mtls>> = {
  STRICT: InboundPolicy_Mtls.STRICT,
  PERMISSIVE: InboundPolicy_Mtls.PERMISSIVE,
  DISABLE: InboundPolicy_Mtls.DISABLE,
};

export function mtlsMessage(mode: MtlsMode): InboundPolicy_Mtls {
  return MODES[mode];
}

/** Undefined for one that is not known here; what a server does not say is `STRICT`. */
export function mtlsOf(message: InboundPolicy_Mtls): MtlsMode | undefined {
  if (message === InboundPolicy_Mtls.UNSPECIFIED) return "STRICT";
  return (Object.keys(MODES) as readonly MtlsMode[]).find((mode) => MODES[mode] === message);
}

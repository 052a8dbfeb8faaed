/** External authorizers as they travel: messages of the same shape as the values. What is not known here is refused. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NamedProvider } from "#model";
import type { InboundPolicyMessage, InboundPolicySchema } from "#proto";
import { plain } from "./plain.ts";
import { hasUnknown } from "./unknown-fields.ts";

type ProviderInit = NonNullable<MessageInitShape<typeof InboundPolicySchema>["providers"]>[number];

export function providerMessage({ body, ...rest }: NamedProvider): ProviderInit {
  return { ...(plain(rest) as ProviderInit), ...(body === undefined ? {} : { body }) } as ProviderInit;
}

/** The value, or what is wrong with it. */
export function providerOf(message: InboundPolicyMessage["providers"][number]): NamedProvider | string {
  const what = `AuthorizationProvider/${message.name}`;
  if (hasUnknown(message)) return `${what} says what is not known here`;
  if (message.protocol !== "http" && message.protocol !== "grpc") return `${what} speaks what is not known here`;
  if (URL.parse(message.url) === null || message.timeoutMs < 1) return `${what} cannot be asked`;
  if (message.statusOnError < 400 || message.statusOnError > 599) return `${what} refuses with no such status`;
  if (message.headers === undefined) return `${what} does not say which headers it is shown`;
  const { body, ...rest } = plain(message) as NamedProvider;
  return { ...rest, body };
}

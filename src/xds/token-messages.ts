/** Rules of tokens as they travel: messages of the same shape as the values. What is not known here is refused. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TokenRule } from "#authentication";
import type { InboundPolicyMessage, InboundPolicySchema } from "#proto";
import { plain } from "./plain.ts";
import { hasUnknown } from "./unknown-fields.ts";

type TokenInit = NonNullable<MessageInitShape<typeof InboundPolicySchema>["tokens"]>[number];

export function tokensMessage(rule: TokenRule): TokenInit {
  return plain(rule) as TokenInit;
}

/** The value, or what is wrong with it. */
export function tokensOf(message: InboundPolicyMessage["tokens"][number]): TokenRule | string {
  if (hasUnknown(message)) return `${message.label} says what is not known here`;
  const rule = plain(message) as TokenRule;
  if (rule.issuer === "") return `${rule.label} takes tokens of nobody`;
  if (rule.from === undefined || rule.output === undefined) return `${rule.label} does not say where tokens are`;
  return rule;
}

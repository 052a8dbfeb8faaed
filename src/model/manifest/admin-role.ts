/** `AdminRole`, as users write it. */
import { z } from "zod";
import { ADMIN_VERBS, type AdminHolder, type AdminRole, DNS_LABEL } from "#model";
import { metadata } from "./metadata.ts";

const HOLDERS_MAX = 256;
const claim = z.string().min(1).max(255).optional();

const apiToken = z
  .string()
  .refine((text) => text.split("/").length === 2 && text.split("/").every((part) => DNS_LABEL.test(part)), {
    message: "must be the namespace and name of an API token, such as `shop/ci`",
  })
  .optional();

const holder = z
  .strictObject({ apiToken, subject: claim, group: claim })
  .refine((given) => Object.values(given).filter((each) => each !== undefined).length === 1, {
    message: "must have one of `apiToken`, `subject`, `group`",
  })
  .transform(({ apiToken: token, subject, group }): AdminHolder => {
    if (subject !== undefined) return { kind: "subject", subject };
    if (group !== undefined) return { kind: "group", group };
    const [namespace = "", name = ""] = token?.split("/") ?? [];
    return { kind: "api-token", namespace, name };
  });

export const adminRole = z.strictObject({
  apiVersion: z.literal("heddle.dev/v1"),
  kind: z.literal("AdminRole"),
  metadata: metadata(true),
  spec: z.strictObject({
    verbs: z.array(z.enum(ADMIN_VERBS)).min(1).max(ADMIN_VERBS.length),
    holders: z.array(holder).min(1).max(HOLDERS_MAX),
  }),
});

/** The spec as users write it. */
export function adminRoleSpec({ verbs, holders }: AdminRole["spec"]): object {
  return { verbs, holders: holders.map(writtenHolder) };
}

function writtenHolder(held: AdminHolder): object {
  switch (held.kind) {
    case "api-token":
      return { apiToken: `${held.namespace}/${held.name}` };
    case "subject":
      return { subject: held.subject };
    case "group":
      return { group: held.group };
  }
}

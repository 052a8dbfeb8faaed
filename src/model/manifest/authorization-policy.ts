/** `AuthorizationPolicy`, as users write it. */
import { z } from "zod";
import { type AuthorizationAction, type AuthorizationPolicy, parseConditionKey } from "#model";
import { metadata } from "./metadata.ts";
import { addressBlocks, operation, ports, selector, strings } from "./policy-fields.ts";

/** Istio's own bounds. */
const ITEMS_MAX = 512;
const ACCOUNTS_MAX = 16;
const WHEN_MAX = 64;

const serviceAccounts = z
  .array(
    z
      .string()
      .max(320)
      .regex(
        /^(?:[a-z0-9.-]{1,63}\/)?[a-z0-9.-]{1,253}$/,
        "must be `account` or `namespace/account`, without wildcards",
      ),
  )
  .max(ACCOUNTS_MAX, `must have at most ${ACCOUNTS_MAX} accounts`)
  .default([]);

const source = z
  .strictObject({
    principals: strings,
    notPrincipals: strings,
    requestPrincipals: strings,
    notRequestPrincipals: strings,
    namespaces: strings,
    notNamespaces: strings,
    serviceAccounts,
    notServiceAccounts: serviceAccounts,
    ipBlocks: addressBlocks,
    notIpBlocks: addressBlocks,
    remoteIpBlocks: addressBlocks,
    notRemoteIpBlocks: addressBlocks,
  })
  .superRefine(({ serviceAccounts: accounts, notServiceAccounts, ...others }, context) => {
    if (accounts.length + notServiceAccounts.length === 0) return;
    const { principals, notPrincipals, namespaces, notNamespaces } = others;
    if ([principals, notPrincipals, namespaces, notNamespaces].every(({ length }) => length === 0)) return;
    const message = "has `serviceAccounts` beside `principals` or `namespaces`; each names callers by itself";
    context.addIssue({ code: "custom", path: [], message });
  });

const condition = z
  .strictObject({ key: z.string().max(1024), values: strings, notValues: strings })
  .superRefine(({ key, values, notValues }, context) => {
    const parsed = parseConditionKey(key);
    if (typeof parsed === "string") return context.addIssue({ code: "custom", path: ["key"], message: parsed });
    if (values.length + notValues.length === 0)
      context.addIssue({ code: "custom", path: [], message: "needs `values` or `notValues`" });
    const form = parsed.kind.endsWith(".ip") ? addressBlocks : parsed.kind === "destination.port" ? ports : strings;
    for (const [name, list] of Object.entries({ values, notValues })) {
      for (const issue of form.safeParse(list).error?.issues ?? [])
        context.addIssue({ code: "custom", path: [name, ...issue.path], message: issue.message });
    }
  });

const rule = z
  .strictObject({
    from: z.array(z.strictObject({ source })).max(ITEMS_MAX).default([]),
    to: z.array(z.strictObject({ operation })).max(ITEMS_MAX).default([]),
    when: z.array(condition).max(WHEN_MAX).default([]),
  })
  .transform(({ from, to, when }) => ({
    from: from.map((each) => each.source),
    to: to.map((each) => each.operation),
    when,
  }));

const spec = z
  .strictObject({
    selector: selector.optional(),
    action: z.enum(["ALLOW", "DENY", "AUDIT", "CUSTOM"]).default("ALLOW"),
    provider: z.strictObject({ name: z.string().min(1).max(253) }).optional(),
    rules: z.array(rule).max(ITEMS_MAX).optional(),
  })
  .superRefine(({ action, provider, rules }, context) => {
    const complain = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (action === "CUSTOM" && provider === undefined) complain("action", "is `CUSTOM`, which needs a `provider`");
    if (action !== "CUSTOM" && provider !== undefined) complain("provider", "is only for the action `CUSTOM`");
    if (action === "CUSTOM" && rules === undefined) complain("action", "is `CUSTOM`, which needs `rules`");
  })
  .transform(({ selector: selected, action, provider, rules }): AuthorizationPolicy["spec"] => ({
    selector: selected?.matchLabels,
    ...actionOf(action, provider?.name),
    rules,
  }));

function actionOf(action: AuthorizationAction["action"], provider: string | undefined): AuthorizationAction {
  return action === "CUSTOM" ? { action, provider: provider ?? "" } : { action };
}

export const authorizationPolicy = z.strictObject({
  apiVersion: z.literal("security.istio.io/v1"),
  kind: z.literal("AuthorizationPolicy"),
  metadata: metadata(true),
  spec,
});

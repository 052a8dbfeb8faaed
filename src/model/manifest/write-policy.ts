/** Policies as users write them. Read again they are the same policies. */
import type { AccessPolicy, AuthorizationOperation, AuthorizationPolicy, LimitKey, RateLimitPolicy } from "#model";
import { compact } from "./compact.ts";
import { formatDuration } from "./fields.ts";

type Selector = AuthorizationPolicy["spec"]["selector"];

function selectorOf(selector: Selector): object {
  return selector === undefined ? {} : { selector: { matchLabels: selector } };
}

function operationsOf(to: readonly AuthorizationOperation[]): object {
  return to.length === 0 ? {} : { to: to.map((operation) => ({ operation: compact(operation) })) };
}

/** A rule without conditions is written `{}`: it matches all, where no rules at all match nothing. */
export function authorizationPolicySpec({ selector, rules, ...action }: AuthorizationPolicy["spec"]): object {
  return {
    ...selectorOf(selector),
    action: action.action,
    ...(action.action === "CUSTOM" ? { provider: { name: action.provider } } : {}),
    ...(rules === undefined
      ? {}
      : {
          rules: rules.map(({ from, to, when }) => ({
            ...(from.length === 0 ? {} : { from: from.map((source) => ({ source: compact(source) })) }),
            ...operationsOf(to),
            ...(when.length === 0 ? {} : { when: when.map(compact) }),
          })),
        }),
  };
}

export function accessPolicySpec({ selector, rules, ...rest }: AccessPolicy["spec"]): object {
  // A rule that speaks of everybody and everything is written as its mode alone.
  return { ...selectorOf(selector), ...rest, rules: rules.map(compact) };
}

export function rateLimitPolicySpec({ selector, limits }: RateLimitPolicy["spec"]): object {
  return {
    ...selectorOf(selector),
    limits: limits.map(({ name, to, by, requests, perMs, burst }) => ({
      name,
      ...operationsOf(to),
      by: writtenKey(by),
      requests,
      per: formatDuration(perMs),
      burst,
    })),
  };
}

function writtenKey(by: LimitKey): unknown {
  switch (by.kind) {
    case "workload":
      return "Workload";
    case "caller":
      return "Caller";
    case "header":
      return { header: by.name };
  }
}

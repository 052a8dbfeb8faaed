/** Policies as users write them. Read again they are the same policies. */
import type {
  AccessPolicy,
  AuthorizationOperation,
  AuthorizationPolicy,
  LabelSelector,
  LimitKey,
  NetworkPeer,
  NetworkPolicy,
  NetworkRule,
  PeerAuthentication,
  RateLimitPolicy,
} from "#model";
import { compact } from "./compact.ts";
import { formatDuration } from "./fields.ts";
import { WEEK_DAYS } from "./policy-fields.ts";

type Selector = AuthorizationPolicy["spec"]["selector"];

function selectorOf(selector: Selector): object {
  return selector === undefined ? {} : { selector: { matchLabels: selector } };
}

function operationsOf(to: readonly AuthorizationOperation[]): object {
  return to.length === 0 ? {} : { to: to.map((operation) => ({ operation: compact(operation) })) };
}

export function peerAuthenticationSpec({ selector, mtls, portLevelMtls }: PeerAuthentication["spec"]): object {
  const ports = Object.entries(portLevelMtls).map(([port, mode]) => [port, { mode }] as const);
  return {
    ...selectorOf(selector),
    ...(mtls === "UNSET" ? {} : { mtls: { mode: mtls } }),
    ...(ports.length === 0 ? {} : { portLevelMtls: Object.fromEntries(ports) }),
  };
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

/** A rule that speaks of everybody and everything is written as its mode alone. */
export function accessPolicySpec({ selector, rules, expiresAtMs, schedule, ...rest }: AccessPolicy["spec"]): object {
  const clock = (minute: number): string =>
    `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  const windows = schedule.map(({ days, fromMinute, toMinute, timeZone }) => ({
    days: days.map((day) => WEEK_DAYS[day]),
    from: clock(fromMinute),
    to: clock(toMinute),
    timeZone,
  }));
  return {
    ...selectorOf(selector),
    ...rest,
    ...(expiresAtMs === undefined ? {} : { expires: new Date(expiresAtMs).toISOString() }),
    ...(windows.length === 0 ? {} : { schedule: windows.map(compact) }),
    rules: rules.map(({ condition, ...rule }) => compact(condition === "" ? rule : { ...rule, condition })),
  };
}

/** An empty selector says something: everything. So does the absence of rules: nothing is let in. */
/** The types are written where they are not what the rules alone would say. */
export function networkPolicySpec({ podSelector, ingress, egress }: NetworkPolicy["spec"]): object {
  const types = [...(ingress === undefined ? [] : ["Ingress"]), ...(egress === undefined ? [] : ["Egress"])];
  const isPlain = ingress !== undefined && (egress === undefined || egress.length > 0);
  return {
    podSelector: compact(podSelector),
    ...(isPlain ? {} : { policyTypes: types }),
    ...(ingress === undefined ? {} : { ingress: ingress.map((rule) => writtenRule("from", rule)) }),
    ...(egress === undefined ? {} : { egress: egress.map((rule) => writtenRule("to", rule)) }),
  };
}

function writtenRule(side: "from" | "to", { peers, ports }: NetworkRule): object {
  const written = (selector: LabelSelector | undefined): unknown => selector && compact(selector);
  return {
    ...(peers.length === 0 ? {} : { [side]: peers.map((peer) => writtenPeer(peer, written)) }),
    ...(ports.length === 0 ? {} : { ports: ports.map(compact) }),
  };
}

function writtenPeer(peer: NetworkPeer, written: (selector: LabelSelector | undefined) => unknown): object {
  if (peer.kind === "block") return { ipBlock: compact({ cidr: peer.cidr, except: peer.except }) };
  const { namespaceSelector, podSelector } = peer;
  return {
    ...(namespaceSelector === undefined ? {} : { namespaceSelector: written(namespaceSelector) }),
    ...(podSelector === undefined ? {} : { podSelector: written(podSelector) }),
  };
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

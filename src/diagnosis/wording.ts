/** What a diagnosis says of a culprit, and what to do next. */
import type { ErrorOrigin } from "./error-view.ts";
import { milliseconds } from "./replicas.ts";
import type { Cause } from "./report.ts";
import type { Suspect } from "./suspects.ts";

export function latencySummary(suspect: Suspect): string {
  const more = milliseconds(suspect.perVisit.currentMs - suspect.perVisit.baselineMs);
  return SLOW[suspect.cause](suspect, `${more} more per call`);
}

export function errorSummary(origin: ErrorOrigin): string {
  return `${FAILING[origin.cause](origin)}: ${(origin.rise * 100).toFixed(1)} % of requests fail because of it.`;
}

const agentIsSlow = ({ hop }: Suspect, slower: string): string => `The agent of ${hop} takes ${slower}.`;

const SLOW: Readonly<Record<Cause, (suspect: Suspect, slower: string) => string>> = {
  application: ({ hop }, slower) => `${hop} itself is slow: its own work takes ${slower}.`,
  "bad-replica": ({ hop, node }) => `One replica of ${node}, ${hop}, is slow; its sisters are not.`,
  "bad-version": ({ hop, node }) => `One version of ${node}, ${hop}, is slow; the others are not.`,
  "skewed-balancing": ({ hop }, slower) => `One replica of ${hop} gets most of its requests: they take ${slower}.`,
  "retry-storm": ({ hop }) =>
    `${hop} calls far more often for each request than before, and what it calls cannot keep up.`,
  client: ({ hop }, slower) => `The callers (${hop}) take ${slower} to send or to read.`,
  "load-balancer": ({ hop }, slower) => `The load balancer ${hop} holds requests back: ${slower}.`,
  network: ({ hop }, slower) => `The way ${hop} takes ${slower}, beyond what either end does.`,
  overload: ({ hop }, slower) => `${hop} is asked more than it can do, so that requests queue: ${slower}.`,
  proxy: agentIsSlow,
  "policy-denial": agentIsSlow,
  discovery: agentIsSlow,
  certificate: agentIsSlow,
  "host-contention": agentIsSlow,
};

const agentFails = ({ hop }: ErrorOrigin): string => `The agent of ${hop} fails`;

const FAILING: Readonly<Record<Cause, (origin: ErrorOrigin) => string>> = {
  application: ({ hop }) => `${hop} itself fails`,
  "bad-replica": ({ hop, node }) => `One replica of ${node}, ${hop}, fails; its sisters do not`,
  "bad-version": ({ hop, node }) => `One version of ${node}, ${hop}, fails; the others do not`,
  "skewed-balancing": ({ hop }) => `One replica of ${hop} gets most of its requests`,
  "retry-storm": ({ hop }) => `${hop} calls far more often for each request than before`,
  client: ({ hop }) => `The callers (${hop}) leave before they have an answer`,
  "load-balancer": ({ hop }) => `The load balancer ${hop} makes errors of its own`,
  network: ({ hop }) => `Calls are lost on the way ${hop}`,
  "policy-denial": ({ hop }) => `A policy denies calls to ${hop}`,
  discovery: ({ hop }) => `No endpoint of ${hop} is there to call`,
  certificate: ({ hop }) => `${hop} does not prove the identity that it must have`,
  overload: ({ hop }) => `${hop} has more requests than it can take`,
  proxy: agentFails,
  "host-contention": agentFails,
};

export const NEXT: Readonly<Record<Cause, (hop: string) => string>> = {
  application: (hop) => `heddle trace --service ${hop} --slowest`,
  "bad-replica": (hop) => `Restart or drain ${hop}, and read its log.`,
  "bad-version": (hop) => `Send no more requests to ${hop}: take it out of its route, or roll it back.`,
  "skewed-balancing": (hop) => `Look at how requests for ${hop} are balanced: heddle get destinationrules`,
  "retry-storm": (hop) => `Bound the retries of ${hop}, and give them a budget.`,
  client: () => "heddle tap --source external",
  "load-balancer": (hop) => `Read the log and the limits of ${hop}; the services behind it are not the cause.`,
  network: (hop) => `Look at what lies on the way ${hop}: links, firewalls, name resolution.`,
  proxy: () => "heddle check",
  "policy-denial": (hop) => `heddle tap --destination ${hop} --verdict deny`,
  discovery: () => "heddle check",
  certificate: () => "heddle check",
  overload: (hop) => `Give ${hop} more replicas, or find out who calls it so often: heddle stat`,
  "host-contention": () => "Look at the hosts' load.",
};

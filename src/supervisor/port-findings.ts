import { portState } from "#engine/probe";
import type { Application } from "./application.ts";
import { APP_ADDRESS } from "./workloads.ts";

/** A port that an application needs, and what is to be said about it. */
export interface PortFinding {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly state: "free" | "taken" | "no-such-address" | "not-permitted";
}

/** The ports that a `heddle.yaml` names itself: nobody else can choose others for them. */
export function chosenPorts(application: Application): readonly Omit<PortFinding, "state">[] {
  return [
    ...application.gateways.map(({ address, port, name }) => ({ address, port, name: `gateway ${name}` })),
    ...application.services.flatMap(({ name, port }) =>
      port === undefined ? [] : [{ address: APP_ADDRESS, port, name: `service ${name}` }],
    ),
  ];
}

/** Tries each of them. */
export function tryChosenPorts(application: Application): Promise<readonly PortFinding[]> {
  return Promise.all(
    chosenPorts(application).map(async (each) => ({ ...each, state: await portState(each.address, each.port) })),
  );
}

/** External authorizers of the configuration as the proxy asks them. */
import type { NamedProvider } from "#model";
import type { Authorizer } from "#proxy";
import { grpcAuthorizer } from "./grpc-authorizer.ts";
import { httpAuthorizer } from "./http-authorizer.ts";

/** Keeps the connections of an authorizer that is as it was; lets go of those that are not named any more. */
export class Authorizers {
  #held: ReadonlyMap<string, { readonly text: string; readonly authorizer: ClosableAuthorizer }> = new Map();

  /** By name. */
  of(providers: readonly NamedProvider[]): ReadonlyMap<string, Authorizer> {
    const next = new Map(
      providers.map((provider) => {
        const text = JSON.stringify(provider);
        const held = this.#held.get(provider.name);
        return [provider.name, held?.text === text ? held : { text, authorizer: authorizerOf(provider) }] as const;
      }),
    );
    for (const [name, held] of this.#held) if (next.get(name) !== held) held.authorizer.close();
    this.#held = next;
    return new Map([...next].map(([name, { authorizer }]) => [name, authorizer]));
  }

  stop(): void {
    for (const { authorizer } of this.#held.values()) authorizer.close();
    this.#held = new Map();
  }
}

export interface ClosableAuthorizer extends Authorizer {
  /** Lets go of its connections once what is open has been answered, within its own timeout. */
  close(): void;
}

function authorizerOf(provider: NamedProvider): ClosableAuthorizer {
  return provider.protocol === "http" ? httpAuthorizer(provider) : grpcAuthorizer(provider);
}

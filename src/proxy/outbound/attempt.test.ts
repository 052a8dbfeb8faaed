import { expect, test } from "bun:test";
import type { Candidate } from "#routing";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { Target } from "./service.ts";

test("one that is dropped while it waits for its turn gives back nothing that it has not taken", () => {
  const peer = { request: () => undefined, forget: () => undefined, released: () => undefined };
  const candidate = { inFlight: 0, endpoint: { peer } } as unknown as Candidate<Target>;
  const owner = {} as AttemptOwner;
  new Attempt(owner, candidate).leave();
  expect(candidate.inFlight).toBe(0);
  const begun = new Attempt(owner, candidate);
  begun.start();
  expect(candidate.inFlight).toBe(1);
  begun.leave();
  expect(candidate.inFlight).toBe(0);
});

import { expect, test } from "bun:test";
import { FakeTime } from "../../../test/fakes/time.ts";
import { PeerLimiter } from "./peer-limiter.ts";

test("a peer may burst, then goes on at its rate, whatever others do", () => {
  const time = new FakeTime();
  const limiter = new PeerLimiter({ burst: 2, perSecond: 1, peerCountMax: 10 }, time);
  expect([limiter.admit("a"), limiter.admit("a"), limiter.admit("a"), limiter.admit("b")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  time.advance(1000);
  expect([limiter.admit("a"), limiter.admit("a")]).toEqual([true, false]);
  time.advance(60_000);
  expect([limiter.admit("a"), limiter.admit("a"), limiter.admit("a")]).toEqual([true, true, false]);
});

test("a failure can put a peer into debt, of at most one burst", () => {
  const time = new FakeTime();
  const limiter = new PeerLimiter({ burst: 2, perSecond: 1, peerCountMax: 10 }, time);
  limiter.charge("a", 100);
  time.advance(2900);
  expect(limiter.admit("a")).toBe(false);
  time.advance(200);
  expect(limiter.admit("a")).toBe(true);
});

test("only so many peers are remembered, the longest idle is forgotten first", () => {
  const limiter = new PeerLimiter({ burst: 1, perSecond: 0, peerCountMax: 2 }, new FakeTime());
  expect([limiter.admit("a"), limiter.admit("b"), limiter.admit("a"), limiter.admit("c")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect([limiter.admit("a"), limiter.admit("b")]).toEqual([false, true]);
});

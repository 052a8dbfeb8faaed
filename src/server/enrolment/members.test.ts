import { describe, expect, test } from "bun:test";
import { parseSpiffeId } from "#identity";
import { valueOrThrow } from "#model";
import { fakeDocuments } from "../../../test/fakes/documents.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { membersOf } from "./members.ts";
import { SvidLedger } from "./svid-ledger.ts";

const back = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/back"));
const front = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/front"));

function ledgerOf(time: FakeTime, documents = fakeDocuments()): SvidLedger {
  return new SvidLedger({ documents, clock: time, onProblem: (problem) => expect(problem).toBeUndefined() });
}

const issue = (ledger: SvidLedger, serial: string, more: object = {}): void =>
  ledger.record({ serial, issuer: "k1", spiffeId: back, instance: "back-1", notAfterMs: 60_000, ...more });

describe("members of a trust domain", () => {
  const time = new FakeTime(0);
  const ledger = ledgerOf(time);
  issue(ledger, "01");
  issue(ledger, "02", { issuer: "k2" });
  issue(ledger, "03", { spiffeId: front, instance: "front-1" });
  const members = (reports: Record<string, [string, number]>) =>
    membersOf({
      holders: ledger.holders,
      reports: new Map(
        Object.entries(reports).map(([key, [servedSvidSerial, bundleSequence]]) => [
          key as `${string}/${string}`,
          { servedSvidSerial, bundleSequence },
        ]),
      ),
      bundleSequence: 5,
      activeIssuer: "k2",
    });

  test("count whether or not they are heard from", () => {
    const { total, unconfirmed, unrenewed, issuersInUse, isConfirmedByAll } = members({});
    expect([total, isConfirmedByAll]).toEqual([2, false]);
    expect([unconfirmed, unrenewed]).toEqual([
      ["shop/back-1", "shop/front-1"],
      ["shop/back-1", "shop/front-1"],
    ]);
    expect([...issuersInUse].sort()).toEqual(["k1", "k2"]);
  });

  test("have confirmed what they judge by, and are renewed by what they serve", () => {
    const half = members({ "shop/back-1": ["02", 5], "shop/front-1": ["03", 4] });
    expect(half).toMatchObject({ unconfirmed: ["shop/front-1"], unrenewed: ["shop/front-1"], isConfirmedByAll: false });
    const stale = members({ "shop/back-1": ["01", 5], "shop/front-1": ["03", 5] });
    expect(stale).toMatchObject({ isConfirmedByAll: true, unrenewed: ["shop/back-1", "shop/front-1"] });
  });

  test("that serve what nobody knows are taken to use all that they were given", () => {
    expect(members({ "shop/back-1": ["ff", 5] }).unrenewed).toContain("shop/back-1");
  });
});

describe("the ledger of issued SVIDs", () => {
  test("is the same after a restart, without what has expired", async () => {
    const time = new FakeTime(0);
    const documents = fakeDocuments();
    const first = ledgerOf(time, documents);
    issue(first, "00a1");
    issue(first, "b2", { notAfterMs: 1000 });
    await first.stop();
    time.advance(2000);
    const second = ledgerOf(time, documents);
    valueOrThrow(await second.load());
    expect(second.of("shop/back-1").map(({ serial }) => serial)).toEqual(["a1"]);
    await second.stop();
    expect(valueOrThrow(await documents.list("svids"))).toHaveLength(1);
  });

  test("waits for nobody who left, keeps what he holds, and lets nobody sign others off", () => {
    const ledger = ledgerOf(new FakeTime(0));
    issue(ledger, "01");
    ledger.left("shop/back-1", front);
    expect(ledger.holders.size).toBe(1);
    ledger.left("shop/back-1", back);
    expect([ledger.holders.size, ledger.of("shop/back-1").length]).toEqual([0, 1]);
  });
});

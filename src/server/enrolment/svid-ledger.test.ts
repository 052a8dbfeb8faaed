import { expect, test } from "bun:test";
import { parseTrustDomain, workloadSpiffeId } from "#identity";
import { valueOrThrow } from "#model";
import { fakeDocuments } from "../../../test/fakes/documents.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { SvidLedger } from "./svid-ledger.ts";

const spiffeId = workloadSpiffeId(valueOrThrow(parseTrustDomain("shop.example")), "shop", "web");

test("a replica that renews under another name is still known by the one that it had, and by its node, over a restart", async () => {
  const [time, documents] = [new FakeTime(), fakeDocuments()];
  const open = () =>
    new SvidLedger({ documents, clock: time, onProblem: (problem) => expect(problem).toBeUndefined() });
  const ledger = open();
  const issued = (serial: string, instance: string, renews?: string) => {
    const notAfterMs = time.nowMs() + 1000;
    ledger.record({ serial, issuer: "k", spiffeId, instance, notAfterMs, renews, node: renews ? undefined : "pod 7" });
  };
  issued("0a", "web-1");
  issued("0b", "web-2", "0a");
  time.advance(900);
  issued("0c", "web-3", "0b");
  time.advance(200);
  const serialsOf = (each: SvidLedger, instance: string) => each.of(`shop/${instance}`).map(({ serial }) => serial);
  expect([serialsOf(ledger, "web-1"), serialsOf(ledger, "web-2"), serialsOf(ledger, "web-3")]).toEqual([
    ["0c"],
    [],
    ["0c"],
  ]);
  ledger.prune();
  await ledger.stop();
  const again = open();
  valueOrThrow(await again.load());
  expect([serialsOf(again, "web-1"), serialsOf(again, "web-3")]).toEqual([["0c"], ["0c"]]);
  expect(again.of("shop/web-1")[0]?.node).toBe("pod 7");
  expect([...again.holders.keys()]).toEqual(["shop/web-3"]);
  again.left("shop/web-1", spiffeId);
  expect(again.holders.size).toBe(1);
});

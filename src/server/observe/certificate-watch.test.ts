import { expect, test } from "bun:test";
import {
  CertificateAlarms,
  certificateExposition,
  expiring,
  watchedKey,
  watchedWorkload,
} from "./certificate-watch.ts";

const NOW_MS = 1_800_000_000_000;
const TTL_MS = 3_600_000;
const fresh = watchedWorkload("shop/cart-1", NOW_MS + TTL_MS, TTL_MS);
const late = watchedWorkload("shop/web-1", NOW_MS + TTL_MS / 5, TTL_MS);
const root = watchedKey("root", "root", NOW_MS + 3_000 * 86_400_000);

test("a certificate that was not renewed in time is near its end, one that is renewed at half of its life never is", () => {
  expect(expiring([fresh, late, root], NOW_MS)).toEqual([late]);
  expect(expiring([watchedWorkload("a/b", NOW_MS + TTL_MS / 2, TTL_MS)], NOW_MS)).toEqual([]);
  expect(expiring([watchedKey("issuing", "k", NOW_MS + 30 * 86_400_000)], NOW_MS)).toHaveLength(1);
});

test("metrics tell the end of each, and how many are near it", () => {
  const text = certificateExposition([fresh, late, root], NOW_MS);
  expect(text).toContain('heddle_certificate_expiry_timestamp_seconds{kind="workload",name="shop/web-1"} 1800000720\n');
  expect(text).toContain("heddle_certificates_expiring 1\n");
});

test("an alarm is told once, and its end once", () => {
  const alarms = new CertificateAlarms();
  expect(alarms.look([fresh, late], NOW_MS)).toMatchObject([{ level: "warn", certificate: "workload shop/web-1" }]);
  expect(alarms.look([fresh, late], NOW_MS + 1000)).toEqual([]);
  const gone = alarms.look([fresh, late], NOW_MS + TTL_MS);
  expect(gone).toMatchObject([{ level: "warn", certificate: "workload shop/cart-1" }]);
  const renewed = { ...late, notAfterMs: NOW_MS + 3 * TTL_MS };
  expect(alarms.look([renewed], NOW_MS + TTL_MS).map(({ level }) => level)).toEqual(["info", "info"]);
});

import { describe, expect, test } from "bun:test";
import { clockFinding, tokenFindings, workloadFinding } from "./check-findings.ts";

const NOW = 1_700_000_000_000;
const FINE = { instance: "cart", namespace: "shop", ready: true, agentConnected: true, svidNotAfterMs: NOW + 15_000 };

describe("heddle check", () => {
  test.each([
    [0, "ok"],
    [4000, "ok"],
    [-10_000, "warning"],
    [60_000, "failure"],
  ])("calls a clock that is off by %d ms a case of %s", (offMs, want) => {
    expect(clockFinding(NOW + offMs, NOW).state).toBe(want as "ok");
  });

  test.each([
    ["nothing wrong", {}, "ok", undefined],
    [
      "a lost agent",
      { agentConnected: false, ready: false, svidNotAfterMs: 0 },
      "failure",
      "HDL_CHECK_AGENT_DISCONNECTED",
    ],
    ["an expired certificate", { svidNotAfterMs: NOW - 1 }, "failure", "HDL_CHECK_CERTIFICATE"],
    ["a certificate near its end", { svidNotAfterMs: NOW + 4000 }, "warning", "HDL_CHECK_CERTIFICATE"],
    ["a silent program", { ready: false }, "failure", "HDL_AGENT_APP_SILENT"],
  ])("finds %s", (_name, change, state, code) => {
    const finding = workloadFinding({ ...FINE, ...change }, 20_000, NOW);
    expect(finding.state).toBe(state as "ok");
    expect(finding.state === "ok" ? undefined : (finding.problem.code as string)).toBe(code);
  });

  test("finds tokens that expired unused, and no others", () => {
    const found = tokenFindings(
      [
        { id: "used", expiresAtMs: NOW - 1, isUsed: true },
        { id: "good", expiresAtMs: NOW + 1, isUsed: false },
        { id: "late", expiresAtMs: NOW - 1, isUsed: false },
      ],
      NOW,
    );
    expect(found.map(({ subject }) => subject)).toEqual(["token late"]);
  });
});

import { describe, expect, test } from "bun:test";
import { type OutputStream, palette } from "#engine/terminal";
import { FakeTime } from "../../test/fakes/time.ts";
import type { UnitPlan } from "./plan.ts";
import type { UnitEvent } from "./unit.ts";
import { View } from "./view.ts";

function unit(id: string, kind: UnitPlan["kind"]): UnitPlan {
  return {
    id,
    kind,
    command: [id],
    directory: "/",
    environment: {},
    after: [],
    readiness: { kind: "connect", address: "127.0.0.1", port: 1 },
    readyWithinMs: 1,
    identity: undefined,
    file: undefined,
  };
}

const SERVER = unit("server", "server");
const AGENT = unit("cart/agent", "agent");
const CART = unit("cart", "app");

function scene(isTerminal: boolean, isVerbose = false) {
  let written = "";
  const time = new FakeTime();
  const stream: OutputStream = {
    isTerminal,
    isColoured: false,
    columns: () => 60,
    rows: () => 20,
    write: (text) => {
      written += text;
    },
    showCursor: (isShown) => {
      written += isShown ? "<show>" : "<hide>";
    },
    rewind: (lines) => {
      written += `<up ${lines}>`;
    },
  };
  const view = new View({ stream, palette: palette(false), timers: time, title: "shop", isVerbose, isQuiet: false });
  view.start([SERVER, AGENT, CART]);
  const tell = (of: UnitPlan, kind: UnitEvent["kind"], state: UnitEvent["state"], text: string): void =>
    view.onEvent({ unit: of, kind, state, text });
  return { view, time, tell, written: () => written };
}

describe("the view", () => {
  test("elsewhere than in a terminal writes plain prefixed lines", () => {
    const { tell, written, time } = scene(false);
    tell(CART, "line", "starting", "listening");
    tell(AGENT, "state", "ready", "after 0.1 s");
    tell(CART, "state", "ready", "after 0.3 s");
    tell(CART, "state", "backing-off", "ended with status 1; starting again in 0.5 s");
    expect(written().split("\n")).toEqual([
      "cart       │ listening",
      "cart       │ ready after 0.3 s",
      "cart       │ ended with status 1; starting again in 0.5 s",
      "",
    ]);
    expect(time.pending).toBe(0);
  });

  test.each([
    [false, ["cart/agent │ cannot renew left=3"]],
    [true, ["cart/agent │ enrolled", "cart/agent │ cannot renew left=3"]],
  ])("shows of Heddle's own logs what matters, and all when verbose is %p", (isVerbose, want) => {
    const { tell, written } = scene(false, isVerbose);
    tell(AGENT, "line", "ready", '{"level":30,"time":1,"msg":"enrolled"}');
    tell(AGENT, "line", "ready", '{"level":40,"time":2,"msg":"cannot renew","left":3}');
    expect(written().trimEnd().split("\n")).toEqual(want);
  });

  test("in a terminal keeps the status below the lines and leaves no timer", () => {
    const { view, tell, written, time } = scene(true);
    tell(SERVER, "state", "ready", "");
    tell(CART, "line", "starting", "listening");
    view.headline("console http://127.0.0.1:7070");
    time.advance(150);
    view.stop();
    const [, afterFirst = ""] = written().split("<up 0>");
    expect(afterFirst.split("\n").slice(0, 4)).toEqual([
      "cart       │ listening",
      "─".repeat(59),
      "shop  1/3 ready  console http://127.0.0.1:7070",
      "● server  ◌ cart    ",
    ]);
    expect(written()).toContain("<up 3>");
    expect(written().endsWith("<show>")).toBe(true);
    expect(time.pending).toBe(0);
  });
});

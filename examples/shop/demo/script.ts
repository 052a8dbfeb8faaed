/** What the demo does once the shop is up: watch the calm, try to intrude, inject faults and ask why. */
import type { FaultEvidence } from "./assess.ts";
import { type Attempt, tryToIntrude } from "./intruder.ts";
import type { Observer, Why } from "./observer.ts";
import type { Fault, Shop } from "./shop.ts";

const WINDOW_MS = 10_000;
const BASELINE_MS = 10_000;
/** The first question comes when the window holds mostly what the fault did. */
const FIRST_QUESTION_MS = 9000;
const LAST_QUESTION_MS = 20_000;
const ASK_EVERY_MS = 1500;
/** After healing, until the baseline of the next question is calm again. */
const SETTLE_MS = 13_000;

export interface Scene {
  readonly shop: Shop;
  readonly observer: Observer;
  readonly say: (text: string) => void;
  /** Aborted when the user asked to end. */
  readonly signal: AbortSignal;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const untilMs = Date.now() + ms;
  while (Date.now() < untilMs && !signal.aborted) await Bun.sleep(Math.min(100, untilMs - Date.now()));
  signal.throwIfAborted();
}

/** The entry that a shopper's experience is measured at. */
function entry({ shop: { application } }: Scene): string {
  return `${application.namespace}/${application.gateways[0]?.name ?? ""}`;
}

/** Plain text and false identities against the mesh port of the workload that has most to lose. */
export async function intrude({ shop, say }: Scene): Promise<readonly Attempt[]> {
  const { trustDomain, namespace } = shop.application;
  const attempts = await tryToIntrude(shop.meshPort("payments"), `spiffe://${trustDomain}/ns/${namespace}/sa/checkout`);
  for (const { name, refused, detail } of attempts)
    say(`${refused ? "✓" : "✗"} ${name} connection to payments' mesh port: ${detail}`);
  return attempts;
}

export async function watch(ms: number, { signal, say }: Scene): Promise<void> {
  say(`watching ${Math.round(ms / 1000)} s of calm traffic`);
  await pause(ms, signal);
}

async function ask(scene: Scene): Promise<Why | undefined> {
  return scene.observer.why(entry(scene), WINDOW_MS, BASELINE_MS).catch(() => undefined);
}

/** Injects one fault, asks why until a culprit is named or patience ends, and heals. */
export async function tryFault(fault: Fault, scene: Scene): Promise<FaultEvidence> {
  const { shop, say, signal } = scene;
  say(`fault: ${fault.sentence}`);
  const injectedAtMs = Date.now();
  shop.inject(fault.name, fault.fault);
  try {
    let why: Why | undefined;
    await pause(FIRST_QUESTION_MS, signal);
    for (;;) {
      why = await ask(scene);
      const elapsedMs = Date.now() - injectedAtMs;
      if (why?.status === "culprit" || elapsedMs >= LAST_QUESTION_MS) {
        say(`heddle why ${entry(scene)}: ${why?.summary ?? "no answer"}`);
        return { injected: fault.injected, why, answeredAfterMs: elapsedMs };
      }
      await pause(ASK_EVERY_MS, signal);
    }
  } finally {
    shop.heal();
  }
}

/** The faults one after the other, with calm between them. */
export async function tryFaults(faults: readonly Fault[], scene: Scene): Promise<readonly FaultEvidence[]> {
  const evidence: FaultEvidence[] = [];
  for (const fault of faults) {
    if (evidence.length > 0) await pause(SETTLE_MS, scene.signal);
    evidence.push(await tryFault(fault, scene));
  }
  return evidence;
}

import type { Weighted } from "./candidate.ts";
import { LeastRequestPicker } from "./least-request.ts";
import { MaglevPicker } from "./maglev.ts";
import { PeakEwmaPicker } from "./peak-ewma.ts";
import type { Picker } from "./picker.ts";
import { RandomPicker } from "./random.ts";
import { RingHashPicker } from "./ring-hash.ts";
import { RoundRobinPicker } from "./round-robin.ts";
import type { LoadBalancing } from "./settings.ts";

/** The picker of a policy, for one group. */
export function makePicker<E extends Weighted>(policy: LoadBalancing, random: () => number): Picker<E> {
  switch (policy.kind) {
    case "least-request":
      return new LeastRequestPicker(random);
    case "round-robin":
      return new RoundRobinPicker(random);
    case "random":
      return new RandomPicker(random);
    case "peak-ewma":
      return new PeakEwmaPicker(random);
    case "ring-hash":
      return new RingHashPicker(policy, random);
    case "maglev":
      return new MaglevPicker(policy, random);
  }
}

/** `npm run bench -- micro`: pieces of the hot path, each by itself. Good for comparing a piece with itself, before and after. */
import { balancerPieces } from "./balancer.ts";
import { hpackPieces } from "./hpack.ts";
import { http1Pieces } from "./http1.ts";
import { policyPieces } from "./policy.ts";
import { recorderPieces } from "./recorder.ts";
import { routePieces } from "./routes.ts";
import { type Timing, type TimingPace, time } from "./timing.ts";

/** One entry adds a piece. */
const PIECES = [http1Pieces, hpackPieces, policyPieces, routePieces, recorderPieces, balancerPieces];

/** Measures the pieces whose names begin with one of the words, or all, and tells each as it is known. */
export function runMicro(
  words: readonly string[],
  pace: TimingPace,
  tell: (timing: Timing) => void,
): readonly Timing[] {
  const isChosen = (name: string): boolean => words.length === 0 || words.some((word) => name.startsWith(word));
  const timings: Timing[] = [];
  for (const piece of PIECES.flatMap((make) => make()).filter(({ name }) => isChosen(name))) {
    const timing = time(piece, pace);
    timings.push(timing);
    tell(timing);
  }
  return timings;
}

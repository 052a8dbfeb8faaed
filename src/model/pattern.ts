/** Regular expressions as routes carry them, bounded so that no request can make one run long. */
import { failure, problem, type Result, success } from "./problem.ts";

const LENGTH_MAX = 256;
/** Unbounded repetitions: a pattern costs at most about the length of its text to this power. */
const REPETITIONS_MAX = 4;

/**
 * A pattern that must match the whole of a text. Refuses what other proxies' engines (RE2) do not know, back references and look-around, and
 * what may take exponential time: a repeated group that itself repeats or has alternatives.
 */
export function compilePattern(text: string): Result<RegExp> {
  const fault = faultOf(text);
  if (fault !== undefined) return invalid(text, fault);
  try {
    return success(new RegExp(`^(?:${text})$`));
  } catch (cause) {
    return invalid(text, cause instanceof Error ? cause.message : "it is no regular expression");
  }
}

function faultOf(text: string): string | undefined {
  if (text.length > LENGTH_MAX) return `it is longer than ${LENGTH_MAX} characters`;
  const bare = withoutEscapesAndClasses(text);
  if (/\\[1-9k]/.test(text)) return "it refers back to a group";
  if (/\(\?(?!:)/.test(bare)) return "it looks around or names a group; only `(…)` and `(?:…)` are known";
  if ((bare.match(REPETITION) ?? []).length > REPETITIONS_MAX) return `it repeats more than ${REPETITIONS_MAX} times`;
  return repeatsAChoice(bare) ? "it repeats a group that repeats or has alternatives" : undefined;
}

/** `*`, `+` or `{n,}`; the mark of laziness after one does not count. */
const REPETITION = /[*+]|\{\d*,\}/g;

/** Each escape and each class as one letter, so that what is left has only the meaning that it seems to have. */
function withoutEscapesAndClasses(text: string): string {
  return text.replaceAll(/\\./g, "x").replaceAll(/\[\^?\]?[^\]]*\]/g, "x");
}

const GROUP_MARK = /\(|\)(?:[*+]|\{\d*,\d*\})?|\||[*+]|\{\d*,/g;

/** Walks over what opens, closes, chooses and repeats; each open group remembers whether a choice stood before it. */
function repeatsAChoice(bare: string): boolean {
  const before: boolean[] = [];
  let hasChoice = false;
  for (const [mark] of bare.matchAll(GROUP_MARK)) {
    const isClosing = mark.startsWith(")");
    if (isClosing && mark.length > 1 && hasChoice) return true;
    if (mark === "(") before.push(hasChoice);
    hasChoice = isClosing ? hasChoice || mark.length > 1 || before.pop() === true : mark !== "(";
  }
  return false;
}

function invalid(text: string, why: string): Result<never> {
  return failure(problem("HDL_MANIFEST_INVALID", `\`${text.slice(0, 80)}\` cannot be used as a pattern: ${why}`));
}

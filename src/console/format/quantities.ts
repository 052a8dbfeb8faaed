/** A rate a second: `0`, `0.4`, `12.5`, `348`, `1.2k`. */
export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return "0";
  if (perSecond < 0.1) return "<0.1";
  if (perSecond < 100) return trimZero(perSecond.toFixed(1));
  return formatCount(perSecond);
}

/** A count: `7`, `948`, `1.2k`, `34k`, `5.1M`. */
export function formatCount(count: number): string {
  if (count < 999.5) return String(Math.round(count));
  if (count < 999_500) return `${trimZero((count / 1_000).toFixed(count < 9_950 ? 1 : 0))}k`;
  return `${trimZero((count / 1_000_000).toFixed(1))}M`;
}

/** Milliseconds without unit, three digits at most of meaning: `0.4`, `8.1`, `38`, `412`, `1250`. */
export function formatMs(ms: number): string {
  return ms < 10 ? trimZero(ms.toFixed(1)) : String(Math.round(ms));
}

/** Milliseconds as a reader says them: `8.1 ms`, `412 ms`, `1.25 s`. */
export function formatDuration(ms: number): string {
  return ms < 1_000 ? `${formatMs(ms)} ms` : `${trimZero((ms / 1_000).toFixed(2))} s`;
}

/** A share of 1 in percent; never rounds a failure away: 0.99996 is `99.99%`, not `100%`. */
export function formatShare(share: number): string {
  if (share >= 1) return "100%";
  const percent = share * 100;
  if (percent < 1) return percent > 0 && percent < 0.01 ? "<0.01%" : `${trimZero(percent.toFixed(2))}%`;
  if (percent < 99) return `${trimZero(percent.toFixed(1))}%`;
  return `${trimZero((Math.floor(percent * 100) / 100).toFixed(2))}%`;
}

/** A wait or an age: `8 s`, `3 min`, `5 h`, `12 d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function trimZero(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

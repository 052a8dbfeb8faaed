import type { JSX } from "react";
import { formatAge } from "../../format/quantities.ts";
import { isStale } from "./freshness.ts";
import { useNow } from "./use-now.ts";

export interface LiveStatusProps {
  readonly live: boolean;
  readonly failed: boolean;
  /** The browser's time of the last answer; 0 before the first. */
  readonly answeredAtMs: number;
}

/** Whether what is on the screen is what is: live, paused, or old because the server is away. */
export function LiveStatus({ live, failed, answeredAtMs }: LiveStatusProps): JSX.Element {
  const ageMs = useNow() - answeredAtMs;
  if (answeredAtMs === 0) return <p className="status" role="status" />;
  if (!live) return <p className="status">Paused · {formatAge(ageMs)} old</p>;
  if (!isStale({ live, failed, ageMs })) {
    return (
      <p className="status status--live" role="status">
        Live
      </p>
    );
  }
  return (
    <p className="status status--stale" role="status">
      Server unreachable · showing data of {formatAge(ageMs)} ago
    </p>
  );
}

import { environment, type Line, type RunningProcess, startProcess, workingDirectory } from "#engine/processes";
import type { Timers } from "#engine/time";
import { decodePem, encodePem } from "#identity";
import type { UpstreamAuthority } from "#identity/authority";
import { failure, problem, type Result, success } from "#model";

export interface UpstreamCommandOptions {
  /** Program that reads a request and prints certificates, without arguments. */
  readonly program: string;
  readonly trustDomain: string;
  readonly timers: Pick<Timers, "after">;
}

const TIMEOUT_MS = 30_000;
const GRACE_MS = 1000;
const LINES_MAX = 2000;
const COMPLAINT_LENGTH_MAX = 500;

/**
 * An upstream authority behind a program: it gets the request (PEM) on standard input and the trust domain in `HEDDLE_TRUST_DOMAIN`, and
 * prints the certificate and after it the root that signed it (PEM). Fails with `HDL_AUTHORITY_UPSTREAM`, with what it wrote to standard
 * error.
 */
export function upstreamCommand(options: UpstreamCommandOptions): UpstreamAuthority {
  return {
    async sign(csrDer) {
      const lines: Line[] = [];
      const started = await startProcess({
        command: [options.program],
        directory: workingDirectory(),
        environment: { ...environment(), HEDDLE_TRUST_DOMAIN: options.trustDomain },
        output: "lines",
        input: encodePem("CERTIFICATE REQUEST", csrDer),
        onLine: (line) => {
          if (lines.length < LINES_MAX) lines.push(line);
        },
      });
      if (!started.ok) return refuse(options, started.problems[0].message);
      const fault = await faultOf(started.value, options.timers);
      const textOf = (stream: Line["stream"]): string =>
        lines.flatMap((each) => (each.stream === stream ? [each.text] : [])).join("\n");
      if (fault !== undefined)
        return refuse(options, `${fault} ${textOf("stderr").slice(-COMPLAINT_LENGTH_MAX)}`.trim());
      const [certificate, root, ...more] = decodePem("CERTIFICATE", textOf("stdout"));
      if (certificate === undefined || root === undefined || more.length > 0)
        return refuse(options, "it did not print a certificate and the root that signed it, and nothing else");
      return success({ certificate, root });
    },
  };
}

async function faultOf(process: RunningProcess, timers: Pick<Timers, "after">): Promise<string | undefined> {
  let isLate = false;
  const cancel = timers.after(TIMEOUT_MS, () => {
    isLate = true;
    void process.stop(GRACE_MS);
  });
  const exit = await process.exited;
  cancel();
  if (isLate) return `it did not end within ${TIMEOUT_MS / 1000} s.`;
  if (exit.kind === "signal") return `it was ended by ${exit.signal}.`;
  return exit.status === 0 ? undefined : `it ended with status ${exit.status}.`;
}

function refuse({ program }: UpstreamCommandOptions, why: string): Result<never> {
  return failure(problem("HDL_AUTHORITY_UPSTREAM", `${program} certified nothing: ${why}`));
}

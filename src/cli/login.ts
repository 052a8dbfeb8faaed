/** `heddle login`: proves by the identity provider who the user is, on this device or another. */
import type { Command } from "commander";
import type { DeviceLoginView, DevicePollView } from "#api";
import { standardError } from "#engine/terminal";
import { systemTimers } from "#engine/time";
import { type Failure, failure, problem, type Result } from "#model";
import type { CommandContext } from "./context.ts";
import { serverOrigin } from "./credentials.ts";
import { writeLogin } from "./logins-file.ts";
import { askServer } from "./resources.ts";

type Done = Extract<DevicePollView, { readonly state: "done" }>;

const INTERVAL_MIN_S = 1;

function pause(seconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  systemTimers.after(seconds * 1000, resolve);
  return promise;
}

/** Asks the server again and again until the person has finished, or may no more. */
async function untilDone(url: string, begun: DeviceLoginView): Promise<Result<Done>> {
  const everyS = Math.max(INTERVAL_MIN_S, begun.intervalS);
  for (let waitedS = 0; waitedS <= begun.expiresInS + everyS; waitedS += everyS) {
    await pause(everyS);
    const body = { handle: begun.handle };
    const polled = await askServer<DevicePollView>(
      { url, token: "" },
      { method: "POST", path: "/api/v1/login/device/poll", body },
    );
    if (!polled.ok) return polled;
    if (polled.value.state === "done") return { ok: true, value: polled.value };
  }
  return failure(problem("HDL_API_LOGIN", "nobody finished the login in time"));
}

async function login(url: string): Promise<Result<Done>> {
  const begun = await askServer<DeviceLoginView>({ url, token: "" }, { method: "POST", path: "/api/v1/login/device" });
  if (!begun.ok) return begun;
  const { userCode, verificationUri } = begun.value;
  standardError().write(`Open ${verificationUri} and make sure that it shows the code ${userCode}\n`);
  const done = await untilDone(url, begun.value);
  if (!done.ok) return done;
  const { token, expiresAtMs } = done.value;
  const written = await writeLogin(url, { token, expiresAtMs });
  return written.ok ? done : written;
}

export function register(command: Command, context: CommandContext): void {
  command
    .addHelpText(
      "after",
      "\nIt needs --server or HEDDLE_SERVER. The login is good for twelve hours, or until `heddle logout`.",
    )
    .action(async () => {
      const url = serverOrigin(context.shared());
      const done: Result<Done> | Failure = url.ok ? await login(url.value) : url;
      if (!done.ok) return context.fail(done);
      const { actor, expiresAtMs } = done.value;
      const until = new Date(expiresAtMs).toISOString();
      context.show({ actor, expiresAtMs }, () => `logged in as ${actor} until ${until}\n`);
    });
}

/** `heddle logout`: ends the session that `heddle login` got, at the server and here. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { serverOrigin } from "./credentials.ts";
import { readLogins, writeLogin } from "./logins-file.ts";
import { askServer } from "./resources.ts";

export function register(command: Command, context: CommandContext): void {
  command.action(async () => {
    const url = serverOrigin(context.shared());
    if (!url.ok) return context.fail(url);
    const held = await readLogins();
    if (!held.ok) return context.fail(held);
    const token = held.value[url.value]?.token;
    if (token === undefined) return context.show({ loggedOut: false }, () => `there is no login at ${url.value}\n`);
    // Forgotten here first: what the server does not hear ends by itself.
    const forgotten = await writeLogin(url.value, undefined);
    if (!forgotten.ok) return context.fail(forgotten);
    const ended = await askServer<unknown>({ url: url.value, token }, { method: "POST", path: "/api/v1/logout" });
    if (!ended.ok && ended.problems[0].code !== "HDL_API_CREDENTIAL") return context.fail(ended);
    context.show({ loggedOut: true }, () => `logged out of ${url.value}\n`);
  });
}

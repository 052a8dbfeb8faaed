import { absolutePath, readTextFile } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { environment, workingDirectory } from "#engine/processes";
import { systemClock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";
import { findRunning, readServerAccess, type ServerAccess } from "#supervisor";
import { readLogins } from "./logins-file.ts";

/** What the user said of the server, if anything. */
export interface ServerChoice {
  /** The server's data directory. */
  readonly data?: string | undefined;
  /** URL of the server's API, for a credential of the user's own. */
  readonly server?: string | undefined;
  /** File with an API token. */
  readonly tokenFile?: string | undefined;
}

const PLACES_IN_PROJECT = [".heddle/run/server", ".heddle/kept/server"];

async function holdsCredential(directory: string): Promise<boolean> {
  const read = await readTextFile(`${directory}/admin.json`);
  return read.ok && read.value !== undefined;
}

/** A folder and those above it, the nearest first. */
function upwards(folder: string): readonly string[] {
  const parts = folder.split("/").filter((part) => part !== "");
  return Array.from(
    { length: parts.length + 1 },
    (_, dropped) => `/${parts.slice(0, parts.length - dropped).join("/")}`,
  );
}

/** The project's own server, looked for in this folder and those above it. */
async function serverOfProject(): Promise<string | undefined> {
  const folders = upwards(await absolutePath(workingDirectory()));
  for (const directory of folders.flatMap((folder) => PLACES_IN_PROJECT.map((place) => `${folder}/${place}`))) {
    if (await holdsCredential(directory)) return directory;
  }
  return undefined;
}

/** Where `heddle server` keeps its data when nothing else is said. */
export function defaultDataDirectory(): string {
  const { HEDDLE_DATA: data, HOME: home } = environment();
  return data ?? `${home ?? "."}/.heddle/server`;
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/;

/** The origin of a server that a credential may be sent to: in TLS, unless it is on this host. */
function serverUrl(text: string): Result<string> {
  const url = URL.parse(text);
  if (url === null) return failure(problem("HDL_CLI_ARGUMENT", `--server must be a URL, not \`${text}\``));
  if (url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname)))
    return success(url.origin);
  const message = `a credential would travel to ${text} in the open`;
  return failure(problem("HDL_CLI_ARGUMENT", message, { next: "Name the server with `https://`." }));
}

/** The server that the user named, or `HEDDLE_SERVER`. */
export function serverOrigin({ server }: ServerChoice): Result<string> {
  const named = server ?? environment()["HEDDLE_SERVER"];
  if (named !== undefined) return serverUrl(named);
  return failure(problem("HDL_CLI_ARGUMENT", "which server? Name it with --server or HEDDLE_SERVER"));
}

async function storedLogin(url: string): Promise<Result<ServerAccess>> {
  const logins = await readLogins();
  if (!logins.ok) return logins;
  const login = logins.value[url];
  if (login !== undefined && login.expiresAtMs > systemClock.nowMs()) return success({ url, token: login.token });
  const message = login === undefined ? `there is no credential for ${url}` : `the login at ${url} has ended`;
  const next = `Use \`heddle login --server ${url}\`, or an API token with --token-file or HEDDLE_TOKEN_FILE.`;
  return failure(problem("HDL_API_CREDENTIAL", message, { next }));
}

async function ownCredential(server: string, tokenFile: string | undefined): Promise<Result<ServerAccess>> {
  const url = serverUrl(server);
  if (!url.ok) return url;
  if (tokenFile === undefined) return storedLogin(url.value);
  const text = await privateFiles.read(tokenFile);
  if (!text.ok) return text;
  if (text.value === undefined) return failure(problem("HDL_CLI_ARGUMENT", `there is no file ${tokenFile}`));
  return success({ url: url.value, token: text.value.trim() });
}

/**
 * Finds the server and the right to use it: what the user named, `HEDDLE_SERVER`, `HEDDLE_DATA`, the project's own server, the only application
 * that runs for this user, and last the data directory of `heddle server`.
 */
export async function findServer(choice: ServerChoice): Promise<Result<ServerAccess>> {
  const { HEDDLE_SERVER: given, HEDDLE_TOKEN_FILE: file } = environment();
  const server = choice.server ?? (choice.data === undefined ? given : undefined);
  if (server !== undefined) return ownCredential(server, choice.tokenFile ?? file);
  if (choice.tokenFile !== undefined)
    return failure(
      problem("HDL_CLI_ARGUMENT", "--token-file needs --server or HEDDLE_SERVER: a token is for one server"),
    );
  const named = choice.data ?? environment()["HEDDLE_DATA"] ?? (await serverOfProject());
  if (named !== undefined) return readServerAccess(named);
  const running = await findRunning();
  const [only, second] = running;
  if (second !== undefined) {
    const message = `several applications run: ${running.join(", ")}`;
    return failure(problem("HDL_CLI_ARGUMENT", message, { next: "Say which with `--data DIRECTORY`." }));
  }
  if (only !== undefined) return readServerAccess(only);
  if (await holdsCredential(defaultDataDirectory())) return readServerAccess(defaultDataDirectory());
  return failure(problem("HDL_CHECK_SERVER_UNREACHABLE", "no server runs here that this user has a credential for"));
}

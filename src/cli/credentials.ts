import { absolutePath, readTextFile } from "#engine/folders";
import { environment, workingDirectory } from "#engine/processes";
import { failure, problem, type Result } from "#model";
import { findRunning, readServerAccess, type ServerAccess } from "#supervisor";

/** What the user said of the server, if anything. */
export interface ServerChoice {
  /** The server's data directory. */
  readonly data?: string | undefined;
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

/**
 * Finds the server and the right to use it: what the user named, `HEDDLE_DATA`, the project's own server, the only application
 * that runs for this user, and last the data directory of `heddle server`.
 */
export async function findServer(choice: ServerChoice): Promise<Result<ServerAccess>> {
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

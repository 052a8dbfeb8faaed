/** Sessions that `heddle login` got, by server, in a file that only their user can read. */
import { privateFiles } from "#engine/private-files";
import { environment } from "#engine/processes";
import { type Result, success } from "#model";

export interface StoredLogin {
  readonly token: string;
  readonly expiresAtMs: number;
}

function path(): string {
  return `${environment()["HOME"] ?? "."}/.heddle/logins.json`;
}

function isLogin(value: unknown): value is StoredLogin {
  const { token, expiresAtMs } = (value ?? {}) as Partial<StoredLogin>;
  return typeof token === "string" && typeof expiresAtMs === "number";
}

/** By the origin of the server's URL. What is no login is left out. */
export async function readLogins(): Promise<Result<Readonly<Record<string, StoredLogin>>>> {
  const text = await privateFiles.read(path());
  if (!text.ok) return text;
  try {
    const entries = Object.entries(JSON.parse(text.value ?? "{}") as Record<string, unknown>);
    return success(Object.fromEntries(entries.filter((each): each is [string, StoredLogin] => isLogin(each[1]))));
  } catch {
    // What it held is worth a login again.
    return success({});
  }
}

/** Undefined forgets the server's. */
export async function writeLogin(server: string, login: StoredLogin | undefined): Promise<Result<void>> {
  const held = await readLogins();
  if (!held.ok) return held;
  const { [server]: _, ...others } = held.value;
  const next = login === undefined ? others : { ...others, [server]: login };
  return privateFiles.write(path(), `${JSON.stringify(next)}\n`);
}

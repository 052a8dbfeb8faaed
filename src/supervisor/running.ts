import { listFiles, readTextFile, removeEmptyFolder } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { environment, isAlive, processId } from "#engine/processes";

/** Where applications that run say where their server keeps its credential, so that other commands find it from any folder. */
function runningFolder(): string | undefined {
  const { HOME: home } = environment();
  return home === undefined || home === "" ? undefined : `${home}/.heddle/running`;
}

/** Says where this process's server keeps its data. A home that cannot be written to only means that others must be told. */
export async function announceRunning(dataDirectory: string): Promise<void> {
  const folder = runningFolder();
  if (folder !== undefined) await privateFiles.write(`${folder}/${processId()}`, `${dataDirectory}\n`);
}

/** Takes that back, and what killed ones have left. */
export async function withdrawRunning(): Promise<void> {
  const folder = runningFolder();
  if (folder === undefined) return;
  await privateFiles.remove(`${folder}/${processId()}`);
  await findRunning();
  await removeEmptyFolder(folder);
  await removeEmptyFolder(folder.slice(0, folder.lastIndexOf("/")));
}

/** Data directories of the servers of all applications that run for this user. What a killed one left is removed. */
export async function findRunning(): Promise<readonly string[]> {
  const folder = runningFolder();
  const listed = folder === undefined ? undefined : await listFiles(folder, [""]);
  const found: string[] = [];
  for (const path of listed?.ok === true ? listed.value : []) {
    const text = await readTextFile(path);
    const pid = Number(path.slice(path.lastIndexOf("/") + 1));
    if (!isAlive(pid)) await privateFiles.remove(path);
    else if (text.ok && text.value !== undefined) found.push(text.value.trim());
  }
  return found;
}

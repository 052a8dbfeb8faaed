/** The agent's last good configuration as a file of its state directory. */
import type { PrivateFiles } from "#engine/private-files";
import { success } from "#model";
import type { LastGood } from "#xds/client";

/** Base64, so that it is a text file like the others; a few kilobytes. */
export function lastGoodFile(path: string, files: PrivateFiles): LastGood {
  return {
    async load() {
      const text = await files.read(path);
      if (!text.ok || text.value === undefined) return text.ok ? success(undefined) : text;
      return success(Uint8Array.from(Buffer.from(text.value, "base64")));
    },
    save: (bytes) => files.write(path, Buffer.from(bytes).toString("base64")),
  };
}

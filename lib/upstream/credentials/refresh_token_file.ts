// A refresh token in a file of its own, replaced as a whole when the authorization server issues a new one: the old one
// is worthless from then on, so a torn write would lose the session for good.
import { rename, writeFile } from "node:fs/promises";
import { readTextFile } from "../../platform/files.ts";
import type { RefreshTokenKeeper } from "./oauth.ts";

/** @throws a fault of the system when the file cannot be read or its folder not be written to */
export function refreshTokenFile(path: string): RefreshTokenKeeper {
  return {
    load: async () => (await readTextFile(path)).trim(),
    async save(token) {
      const draft = `${path}.new`;
      await writeFile(draft, `${token}\n`, { mode: 0o600 });
      await rename(draft, path);
    },
  };
}

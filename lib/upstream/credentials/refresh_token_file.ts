// A refresh token in a file of its own, replaced as a whole when the authorization server issues a new one: the old one
// is worthless from then on, so a torn write would lose the session for good. One that cannot be written is kept here, and
// written with the next: whoever used the old one again would be taken for a thief (RFC 9700 §4.14.2).
import { open, rename, rm } from "node:fs/promises";
import type { Logger } from "../../observe/log.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import { readTextFile } from "../../platform/files/files.ts";
import type { RefreshTokenKeeper } from "./oauth.ts";

/** Issued in the place of what the file holds, and not written yet. */
interface Unwritten {
  readonly inFile: string;
  readonly token: string;
}

export function refreshTokenFile(path: string, { log }: { readonly log: Logger }): RefreshTokenKeeper {
  let inFile = "";
  let unwritten: Unwritten | undefined;
  const keep = async (token: string) => {
    unwritten = { inFile, token };
    try {
      await replaceFile(path, `${token}\n`);
      inFile = token;
      unwritten = undefined;
    } catch (fault) {
      log.error("the new refresh token cannot be written", {
        file: path,
        cause: systemFault(fault) ?? String((fault as { readonly code?: unknown }).code ?? fault),
        remedy:
          "Make room beside the file, or let this user write there; of one that is mounted alone, mount the folder (EBUSY). " +
          "Until then a restart loses the token for good.",
      });
    }
  };
  return {
    async load() {
      inFile = (await readTextFile(path)).trim();
      // Whoever has put another one there meant it.
      if (unwritten?.inFile !== inFile) unwritten = undefined;
      if (unwritten === undefined) return inFile;
      const { token } = unwritten;
      await keep(token);
      return token;
    },
    save: keep,
  };
}

/** What stands in its way was left by a process that has ended, or by whoever wants to read along. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

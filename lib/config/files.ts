// The files that settings name: readable, of the right kind, and, where they hold secrets, private.
// Looked at before anything starts, so that a missing certificate is a problem of the configuration and not of the first client.
import type { ConfigProblem } from "../errors.ts";
import { parseKeySet } from "../identity/key_set.ts";
import { type SettingKey, settingOf, type Settings } from "./schema.ts";

/** What reading configuration needs of the machine. */
export interface FileAccess {
  readTextFile(path: string): Promise<string>;
  /** Permission bits, or null where the system has none. */
  fileMode(path: string): Promise<number | null>;
}

const READ_FAULTS: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  NotFound: ["there is no such file", "Create FILE, or name another file."],
  PermissionDenied: ["this user may not read the file", "Let the user Signet runs as read FILE, or name another file."],
  NotCapable: ["the runtime may not read the file", "Allow reading FILE, or name another file."],
  IsADirectory: ["this is a directory", "Name a file in FILE."],
  InvalidData: ["the file is not text", "Replace FILE, or name another file."],
};

/** Why a file could not be read, in words. */
export function explainReadError(error: unknown, path: string): { problem: string; remedy: string } {
  const [problem, remedy] = READ_FAULTS[error instanceof Error ? error.name : ""] ??
    ["the file cannot be read", "See what is wrong with FILE, or name another file."];
  return { problem, remedy: remedy.replace("FILE", () => path) };
}

/** Somebody gave the secret where its file's name belongs: then the "path" must not be shown. */
export function looksLikeKey(path: string): boolean {
  return /^\s*[A-Za-z0-9+/]{42,}={0,2}\s*$/.test(path) && !path.trim().startsWith("/");
}

type Content = (text: string) => readonly [problem: string, remedy: string] | undefined;

const certificate: Content = (text) =>
  text.includes("-----BEGIN CERTIFICATE-----") ? undefined : ["the file holds no PEM certificate", "Name a PEM file."];

const privateKey: Content = (text) => {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return ["the private key is encrypted", "Store it without a passphrase, readable by this user only."];
  }
  if (/-----BEGIN ((RSA|EC) )?PRIVATE KEY-----/.test(text)) return undefined;
  return ["the file holds no PEM private key", "Name a PEM file with a PKCS #8, RSA or EC private key."];
};

const keySet: Content = (text) => {
  try {
    parseKeySet(text);
    return undefined;
  } catch (error) {
    const found = error instanceof TypeError ? error.message : "the file is no JSON Web Key Set";
    return [found, 'Name a file of the form {"keys": […]} with at least one key (RFC 7517).'];
  }
};

const CONTENTS: Partial<Record<SettingKey, Content>> = {
  tlsCertFile: certificate,
  upstreamCaFile: certificate,
  tlsKeyFile: privateKey,
  jwtJwks: keySet,
};

const SECRET_FILES: readonly SettingKey[] = ["keyFile", "tlsKeyFile"];
const OTHERS_MAY_READ = 0o044;

/** The files named by `keys`, examined. */
export async function examineFiles(
  settings: Settings,
  keys: readonly SettingKey[],
  options: FileAccess & { readonly places: ReadonlyMap<SettingKey, string> },
): Promise<{ problems: ConfigProblem[]; warnings: string[] }> {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  for (const key of keys) {
    const value = settings[key];
    const path = value === undefined ? undefined : settingOf(key).kind.fileOf?.(value);
    if (path === undefined) continue;
    const place = options.places.get(key) ?? `--${settingOf(key).name}`;
    if (looksLikeKey(path)) {
      problems.push({
        place,
        problem: "this looks like a key, not like the name of a file",
        remedy: key === "keyFile" ? "Name a file, or put the key into MCP_ENCRYPTION_KEY." : "Name a file.",
      });
      continue;
    }
    try {
      const text = await options.readTextFile(path);
      const wrong = CONTENTS[key]?.(text);
      if (wrong !== undefined) problems.push({ place, problem: wrong[0], remedy: wrong[1] });
    } catch (error) {
      problems.push({ place, ...explainReadError(error, path) });
      continue;
    }
    const mode = SECRET_FILES.includes(key) ? await options.fileMode(path).catch(() => null) : null;
    if (mode !== null && (mode & OTHERS_MAY_READ) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      warnings.push(`${place}: other users can read ${path} (mode ${shown}). Run chmod 600 on it.`);
    }
  }
  return { problems, warnings };
}

// The files that settings name: readable, of the right kind, private where they hold secrets, writable where they are made.
// Looked at before anything starts, so that a missing certificate is a problem of the configuration and not of the first client.
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { parseKeySet } from "../../identity/jwt/key_set.ts";
import type { ForeignHands, PathUse } from "../../platform/files/foreign_hands.ts";
import { isKeyOf } from "../../platform/runtime/builtin.ts";
import { type SettingKey, SETTINGS, type Settings } from "../schema.ts";
import type { Setting } from "../setting.ts";
import { certificateTerm } from "./certificate_term.ts";
import { authoritiesFault, chainFault, privateKeyFault } from "./pem.ts";
import { explainReadError } from "./read_error.ts";
import {
  parseAdminToken,
  parseClientSecret,
  parseMemberToken,
  parseRefreshToken,
  parseStorePassword,
  parseTokenSecrets,
  parseVariable,
} from "./secrets.ts";
import { explainWriteError } from "./write_error.ts";

/** What reading configuration needs of the machine. */
export interface FileAccess {
  readTextFile(path: string): Promise<string>;
  /** Permission bits, or null where the system has none. */
  fileMode(path: string): Promise<number | null>;
  /** Whether the file is this user's own. Absent: as if it were. */
  isOwnFile?(path: string): Promise<boolean>;
  /**
   * Rejects unless a file could be made at `path` and others beside it; leaves nothing behind. Must not open `path`: that
   * could take the locks of this process off a database (sqlite.org, "How To Corrupt", §2.2). Absent: nobody can tell.
   */
  checkWritable?(path: string): Promise<void>;
  /** Milliseconds since the epoch. Absent: nobody can tell. */
  now?(): number;
  /**
   * What another user could have written or replaced there, and the cure; undefined if nobody could. Absent: nobody can
   * tell.
   */
  foreignHands?(path: string, use: PathUse): ForeignHands | undefined;
}

/** Somebody gave the secret where its file's name belongs: then the "path" must not be shown. */
export function looksLikeKey(path: string): boolean {
  return /^\s*[A-Za-z0-9+/]{42,}={0,2}\s*$/.test(path) && !path.trim().startsWith("/");
}

type Content = (text: string) => readonly [problem: string, remedy: string] | undefined;

const keySet: Content = (text) => {
  try {
    if (!parseKeySet(text).keys.some((key) => "d" in key)) return undefined;
    // No token would be verified with it, and whoever reads the file could make tokens.
    return [
      "a key in the set is private",
      "Leave the public keys alone in it: d, p, q and what belongs to them go out.",
    ];
  } catch (error) {
    const found = error instanceof TypeError ? error.message : "the file is no JSON Web Key Set";
    return [found, 'Name a file of the form {"keys": […]} with at least one key (RFC 7517).'];
  }
};

const CONTENTS: Partial<Record<SettingKey, Content>> = {
  tlsCertFile: chainFault,
  tlsKeyFile: privateKeyFault,
  upstreamCaFile: authoritiesFault,
  peerCaFile: authoritiesFault,
  storeCaFile: authoritiesFault,
  jwtJwks: keySet,
  jwtProviders: keySet,
};

/** Each throws `ConfigError`. */
const SECRETS: Partial<Record<SettingKey, (text: string, place: string) => unknown>> = {
  tokenSecretFile: parseTokenSecrets,
  adminTokenFile: parseAdminToken,
  introspectionSecretFile: parseClientSecret,
  credentialClientSecretFile: parseClientSecret,
  storePasswordFile: parseStorePassword,
  credentialRefreshTokenFile: parseRefreshToken,
  stdioSecrets: parseVariable,
  memberCredentials: parseMemberToken,
};

const PRIVATE_FILES: ReadonlySet<SettingKey> = new Set([
  "keyFile",
  "tlsKeyFile",
  "tokenSecretFile",
  "adminTokenFile",
  "introspectionSecretFile",
  "credentialClientSecretFile",
  "storePasswordFile",
  "credentialRefreshTokenFile",
  "stdioSecrets",
  "memberCredentials",
]);
/** What `signet keys new` makes. */
const HOLD_KEYS: ReadonlySet<SettingKey> = new Set(["keyFile", "tokenSecretFile", "adminTokenFile"]);
const OTHERS_MAY_READ = 0o044;
const GROUP_MAY_READ = 0o040;

/**
 * The mode of a file that others may use in one of the ways `bits` names, where that is the file's fault. That its group
 * reads it is not where root has made it: it is how Kubernetes (`fsGroup`) and systemd (`LoadCredential=`, whose access list
 * shows as the group's bits) hand a secret to the one user it is for, who could not change it either.
 */
export async function modeOpenToOthers(
  access: Pick<FileAccess, "fileMode" | "isOwnFile">,
  path: string,
  bits = OTHERS_MAY_READ,
): Promise<number | undefined> {
  const mode = await access.fileMode(path).catch(() => null);
  const open = (mode ?? 0) & bits;
  if (mode === null || open === 0) return undefined;
  return open === GROUP_MAY_READ && await access.isOwnFile?.(path) === false ? undefined : mode;
}

interface Examined {
  readonly key: SettingKey;
  readonly path: string;
  readonly place: string;
}

export interface ExamineOptions {
  readonly access: FileAccess;
  readonly places: ReadonlyMap<SettingKey, string>;
  /** Where settings were read from: whoever writes it decides everything. */
  readonly configFile?: string;
}

class Examiner {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: string[] = [];
  readonly #access: FileAccess;
  /** What was read of the listener's certificate and its key, with their places. */
  readonly #pair = new Map<SettingKey, { readonly text: string; readonly path: string; readonly place: string }>();

  constructor(access: FileAccess) {
    this.#access = access;
  }

  /** Whether the file is this user's own, or root's, and nobody else can put another in its place. */
  owned({ path, place }: Omit<Examined, "key">, use: PathUse): void {
    const found = this.#access.foreignHands?.(path, use);
    if (found !== undefined) this.problems.push({ place, ...found });
  }

  async readable(file: Examined): Promise<void> {
    const { key, path, place } = file;
    if (looksLikeKey(path)) {
      const remedy = key === "keyFile" ? "Name a file, or put the key into MCP_ENCRYPTION_KEY." : "Name a file.";
      this.problems.push({ place, problem: "this looks like a key, not like the name of a file", remedy });
      return;
    }
    let text: string;
    try {
      text = await this.#access.readTextFile(path);
    } catch (error) {
      this.problems.push({ place, ...explainReadError(error, path, { holdsKey: HOLD_KEYS.has(key) }) });
      return;
    }
    this.#judgeContent(file, text);
    if (key === "tlsCertFile" || key === "tlsKeyFile") this.#pair.set(key, { text, path, place });
    if (key === "tlsCertFile") this.#judgeTerm(file, text);
    if (PRIVATE_FILES.has(key)) await this.#judgeMode(file);
  }

  async writable({ path, place }: Examined): Promise<void> {
    try {
      await this.#access.checkWritable?.(path);
    } catch (error) {
      this.problems.push({ place, ...explainWriteError(error, path) });
    }
  }

  /** Each may be well, and the key another certificate's: an engine says so in its own words, and not before it listens. */
  judgePair(): void {
    const [certificate, key] = [this.#pair.get("tlsCertFile"), this.#pair.get("tlsKeyFile")];
    if (certificate === undefined || key === undefined || isKeyOf(certificate.text, key.text) !== false) return;
    this.problems.push({
      place: key.place,
      problem: `this is not the key of the certificate in ${certificate.path}`,
      remedy: "Name the key that the certificate was made with; of a chain, the first certificate is the listener's.",
    });
  }

  #judgeContent({ key, path, place }: Examined, text: string): void {
    const wrong = CONTENTS[key]?.(text);
    if (wrong !== undefined) this.problems.push({ place, problem: wrong[0], remedy: wrong[1] });
    try {
      SECRETS[key]?.(text, path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.problems.push(...error.problems);
    }
  }

  /** A warning: a Signet that does not start serves those of its clients even less who take what they get. */
  #judgeTerm({ path, place }: Examined, text: string): void {
    const nowMs = this.#access.now?.();
    const term = nowMs === undefined ? undefined : certificateTerm(text, nowMs);
    if (term === undefined || term.state === "ok") return;
    this.warnings.push(`${place}: the certificate in ${path} ${term.found}. ${term.remedy}`);
  }

  async #judgeMode({ path, place }: Examined): Promise<void> {
    const mode = await modeOpenToOthers(this.#access, path);
    if (mode === undefined) return;
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    this.warnings.push(`${place}: other users can read ${path} (mode ${shown}). Run chmod 600 on it.`);
  }
}

/** The files named by `keys`, examined. */
export async function examineFiles(
  settings: Settings,
  keys: readonly SettingKey[],
  options: ExamineOptions,
): Promise<{ problems: readonly ConfigProblem[]; warnings: readonly string[] }> {
  const examiner = new Examiner(options.access);
  const isTrusted = settings.unsafeFiles;
  if (options.configFile !== undefined && !isTrusted) {
    examiner.owned({ path: options.configFile, place: options.configFile }, "file");
  }
  for (const key of keys) {
    const value = settings[key];
    if (value === undefined) continue;
    const { kind, name, repeatable }: Setting<unknown> = SETTINGS[key];
    const place = options.places.get(key) ?? `--${name}`;
    for (const item of repeatable ? value as readonly unknown[] : [value]) {
      const read = kind.fileOf?.(item);
      if (read !== undefined) await examiner.readable({ key, path: read, place });
      if (read !== undefined && !isTrusted && !looksLikeKey(read)) examiner.owned({ path: read, place }, "file");
      const socket = kind.socketOf?.(item);
      if (socket !== undefined && !isTrusted) examiner.owned({ path: socket, place }, "socket");
      const made = kind.madeFileOf?.(item);
      if (made !== undefined) await examiner.writable({ key, path: made, place });
      if (made !== undefined && read === undefined && !isTrusted) examiner.owned({ path: made, place }, "state");
    }
  }
  examiner.judgePair();
  return examiner;
}

// Secrets besides the master keys, each in a file of its own: what session tokens are signed with, what operators show the
// admin listener, what Signet shows the authorization server. No message quotes any of them.
import { Buffer } from "node:buffer";
import { AdminToken, adminTokenProblem } from "../../admin/admin_token.ts";
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { MIN_SECRET_BYTES, TokenSecret } from "../../identity/tokens/tokens_secret.ts";
import { type SettingKey, settingOf, type Settings } from "../schema.ts";
import { explainReadError } from "./read_error.ts";

/** What the settings name. */
export interface Secrets {
  /** The first signs, all verify; empty without `--token-secret-file`. */
  readonly tokenSecrets: readonly TokenSecret[];
  readonly adminToken: AdminToken | undefined;
  readonly introspectionSecret: string | undefined;
  readonly credentialSecret: string | undefined;
  readonly storePassword: string | undefined;
  /** Variables of a stdio server whose values are in files. */
  readonly stdioSecrets: Readonly<Record<string, string>>;
  /** Tokens for some of several servers, by their configured names. */
  readonly memberTokens: Readonly<Record<string, string>>;
}

/** Settings that name files with secrets. */
type SecretKey =
  | "tokenSecretFile"
  | "adminTokenFile"
  | "introspectionSecretFile"
  | "credentialClientSecretFile"
  | "storePasswordFile"
  | "stdioSecrets"
  | "memberCredentials";

export interface SecretOptions {
  readonly readTextFile: (path: string) => Promise<string>;
  /** Where each setting stands, for messages. */
  readonly places?: ReadonlyMap<SettingKey, string>;
}

const TOKEN_SECRET_REMEDY =
  `Write base64 of ${MIN_SECRET_BYTES} random bytes or more, one a line: \`signet keys new\` makes one.`;

/**
 * One base64 text a line; blank lines and whatever follows a `#` are skipped. The text itself is the secret, so that every
 * way to write the same bytes is one of its own.
 *
 * @param place for messages: a path
 * @throws ConfigError with every problem of the text (T4)
 */
export function parseTokenSecrets(text: string, place: string): TokenSecret[] {
  const problems: ConfigProblem[] = [];
  const seen = new Map<string, number>();
  const secrets: TokenSecret[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const secret = line.replace(/#.*/, "").trim();
    if (secret === "") continue;
    const problem = tokenSecretProblem(secret, seen);
    seen.set(secret, index + 1);
    if (problem === undefined) secrets.push(TokenSecret.fromText(secret));
    else problems.push({ place: `${place}:${index + 1}`, problem, remedy: TOKEN_SECRET_REMEDY });
  }
  if (secrets.length === 0 && problems.length === 0) {
    problems.push({ place, problem: "the file holds no token secret", remedy: TOKEN_SECRET_REMEDY });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return secrets;
}

function tokenSecretProblem(secret: string, seen: ReadonlyMap<string, number>): string | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(secret)) return "the secret is not base64";
  const { length } = Buffer.from(secret, "base64");
  if (length < MIN_SECRET_BYTES) return `the secret has ${length} bytes, at least ${MIN_SECRET_BYTES} are wanted`;
  const earlier = seen.get(secret);
  return earlier === undefined ? undefined : `the secret stands on line ${earlier} already`;
}

/** @throws ConfigError */
export function parseAdminToken(text: string, place: string): AdminToken {
  const token = text.trim();
  const problem = adminTokenProblem(token);
  if (problem === undefined) return new AdminToken(token);
  const remedy = "Write one token alone into the file, such as `signet keys new` makes.";
  throw new ConfigError([{ place, problem, remedy }]);
}

/** As the authorization server gave it, without blanks around it. @throws ConfigError if there is nothing else */
export function parseClientSecret(text: string, place: string): string {
  const secret = text.trim();
  if (secret !== "" && !secret.includes("\n")) return secret;
  const problem = secret === "" ? "the file holds no client secret" : "the file holds more than one line";
  throw new ConfigError([{ place, problem, remedy: "Put the client secret alone into the file." }]);
}

/** Without the line's end. @throws ConfigError if there is nothing else */
export function parseStorePassword(text: string, place: string): string {
  const password = text.replace(/\r?\n$/, "");
  if (password !== "" && !/[\r\n]/.test(password)) return password;
  const problem = password === "" ? "the file holds no password" : "the file holds more than one line";
  throw new ConfigError([{ place, problem, remedy: "Put the store's password alone into the file." }]);
}

/** Only looked at: whoever uses it reads it by itself, and replaces it. @throws ConfigError if there is none */
export function parseRefreshToken(text: string, place: string): string {
  const token = text.trim();
  if (/^[\x20-\x7e]+$/.test(token)) return token; // RFC 6749 Appendix A.17
  const problem = token === "" ? "the file holds no refresh token" : "the file holds more than one token";
  throw new ConfigError([{ place, problem, remedy: "Put the refresh token alone into the file." }]);
}

/** A Bearer token for one of several servers. @throws ConfigError if there is none */
export function parseMemberToken(text: string, place: string): string {
  const token = text.trim();
  if (/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return token; // RFC 6750 §2.1
  const problem = token === "" ? "the file holds no token" : "the file holds what is no Bearer token";
  throw new ConfigError([{ place, problem, remedy: "Put the token alone into the file." }]);
}

/** The value of a variable: the text without the line's end. @throws ConfigError if there is none */
export function parseVariable(text: string, place: string): string {
  const value = text.replace(/\r?\n$/, "");
  if (value !== "" && !value.includes("\0")) return value;
  const problem = value === "" ? "the file is empty" : "the file holds a NUL character";
  throw new ConfigError([{ place, problem, remedy: "Put the variable's value alone into the file." }]);
}

/**
 * Everything secret that `settings` name, but for the key ring (`keys.ts`). Loading the settings has read the same files:
 * what fails here has changed since.
 * @throws ConfigError with every problem there is
 */
export async function loadSecrets(
  settings: { readonly [K in SecretKey]?: Settings[K] | undefined },
  options: SecretOptions,
): Promise<Secrets> {
  const problems: ConfigProblem[] = [];
  const load = async <T>(
    key: keyof typeof settings,
    parse: (text: string, place: string) => T,
    path: string | undefined,
  ) => {
    try {
      return await readSecret(path, { ...options, key, parse });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const tokenSecrets = await load("tokenSecretFile", parseTokenSecrets, settings.tokenSecretFile);
  const adminToken = await load("adminTokenFile", parseAdminToken, settings.adminTokenFile);
  const introspectionSecret = await load(
    "introspectionSecretFile",
    parseClientSecret,
    settings.introspectionSecretFile,
  );
  const { credentialClientSecretFile } = settings;
  const credentialSecret = await load("credentialClientSecretFile", parseClientSecret, credentialClientSecretFile);
  const storePassword = await load("storePasswordFile", parseStorePassword, settings.storePasswordFile);
  const stdioSecrets: Record<string, string> = {};
  for (const { name, path } of settings.stdioSecrets ?? []) {
    const value = await load("stdioSecrets", parseVariable, path);
    if (value !== undefined) stdioSecrets[name] = value;
  }
  const memberTokens: Record<string, string> = {};
  for (const { member, path } of settings.memberCredentials ?? []) {
    const token = await load("memberCredentials", parseMemberToken, path);
    if (token !== undefined) memberTokens[member] = token;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    tokenSecrets: tokenSecrets ?? [],
    adminToken,
    introspectionSecret,
    credentialSecret,
    storePassword,
    stdioSecrets,
    memberTokens,
  };
}

async function readSecret<T>(
  path: string | undefined,
  options: SecretOptions & { key: SettingKey; parse: (text: string, place: string) => T },
): Promise<T | undefined> {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = await options.readTextFile(path);
  } catch (error) {
    const place = options.places?.get(options.key) ?? `--${settingOf(options.key).name}`;
    throw new ConfigError([{ place, ...explainReadError(error, path) }]);
  }
  return options.parse(text, path);
}

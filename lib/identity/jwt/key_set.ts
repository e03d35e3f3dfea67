// Where the public keys of an issuer come from (RFC 7517 §5). A file is read once, and a reload makes a new set; a URL is
// remote_key_set.ts. Keys are matched to a token by `jose`, which refuses symmetric and private ones.
import type { createLocalJWKSet, JSONWebKeySet, JWK } from "jose";
import { ConfigError } from "../../errors.ts";
import { parseJson } from "../../platform/json.ts";

/** Resolves a key of one set by a token's header; `jose`'s own type. */
export type KeyLookup = ReturnType<typeof createLocalJWKSet>;

/** Makes a lookup of a parsed key set; `createLocalJWKSet` of `jose`, which is imported only when it is needed. */
export type MakeLookup = typeof createLocalJWKSet;

/** Keys, and as of when they are known to be the issuer's, in ms since the epoch: no proof by them is younger than that. */
export interface Keys {
  readonly lookup: KeyLookup;
  readonly asOfMs: number;
}

export interface KeySet {
  /** The keys to use now. @throws SignetError `identity_unavailable` */
  current(nowMs: number): Keys | Promise<Keys>;
  /**
   * Newer keys, if a token names one the current set has not; undefined if there are none, or none may be asked for yet.
   * @throws SignetError `identity_unavailable` if it cannot be told
   */
  newer(nowMs: number): Promise<Keys | undefined>;
}

/**
 * RFC 7517 §5: what is no key, or of a kind that is not known here, is left out and harms no other.
 * @throws TypeError on text that is no JWK Set, or one without a key
 */
export function parseKeySet(text: string): JSONWebKeySet {
  let set: unknown;
  try {
    set = parseJson(text);
  } catch {
    throw new TypeError("reading a key set: found no JSON");
  }
  const keys = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
  if (!Array.isArray(keys)) throw new TypeError('reading a key set: found no array "keys" (RFC 7517 §5)');
  // An empty set is a provider's accident far more often than its wish: it would lock everybody out.
  if (keys.length === 0) throw new TypeError("reading a key set: found no key in it");
  const usable = keys.filter((key): key is JWK =>
    typeof key === "object" && key !== null && typeof key.kty === "string"
  );
  if (usable.length > 0) return { keys: usable };
  throw new TypeError('reading a key set: found no JSON Web Key in it: "kty" is missing');
}

export interface FileKeySetOptions {
  readonly path: string;
  readonly readTextFile: (path: string) => Promise<string>;
  readonly makeLookup: MakeLookup;
}

/** A key set in a file. */
export class FileKeySet implements KeySet {
  readonly #lookup: KeyLookup;

  private constructor(lookup: KeyLookup) {
    this.#lookup = lookup;
  }

  /** @throws ConfigError if the file cannot be read or holds no key set */
  static async load(options: FileKeySetOptions): Promise<FileKeySet> {
    return new FileKeySet(await readKeySet(options));
  }

  current(nowMs: number): Keys {
    return { lookup: this.#lookup, asOfMs: nowMs };
  }

  newer(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

async function readKeySet({ path, readTextFile, makeLookup }: FileKeySetOptions): Promise<KeyLookup> {
  try {
    return makeLookup(parseKeySet(await readTextFile(path)));
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([{
      place: `--jwt-jwks ${path}`,
      problem: found.startsWith("reading ") ? found : `reading a key set: ${found}`,
      remedy: 'Name a readable file with a JWK Set (RFC 7517): {"keys": [ … public keys … ]}.',
    }]);
  }
}

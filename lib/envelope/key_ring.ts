// Master keys and the ring of them: the first seals, all open (docs/behaviour.md E4–E6).
// A key shows nothing of what it holds when it is printed. What is derived from it is derived when it is first wanted: eight
// keys at every start, of which most processes use three, took two milliseconds of it.
import { Buffer } from "node:buffer";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { deriveByBlake3 } from "./blake3.ts";

const KEY_BYTES = 32;
export const KEY_ID_BYTES = 4;

/** `length` random bytes fit for keys: `randomBytes` of `node:crypto`, or a fixed sequence in tests. */
export type RandomBytes = (length: number) => Uint8Array;

/** BLAKE3 derive-key contexts. Part of the format: see tests/vectors/FORMAT.md §2. */
const CONTEXTS = {
  sealing: "Signet envelope v1: sealing key",
  nonce: "Signet envelope v1: nonce key",
  fingerprint: "Signet envelope v1: owner fingerprint key",
  keyId: "Signet envelope v1: key id",
  audit: "Signet audit log v1: chain key",
  hop: "Signet hop v1: key between replicas",
  carriedCipher: "Signet carried values v2: cipher key",
  carriedMac: "Signet carried values v2: MAC key",
} as const;

/** One master key, as the keys derived from it. Separate purposes never share a key (E4). */
export class MasterKey {
  /** Names the key in logs, metrics and `signet keys list`: 8 hex digits. Tells nothing of the key. */
  readonly id: string;
  /** The same id as it stands in an envelope: an unsigned 32-bit integer, big-endian on the wire. */
  readonly idWord: number;
  readonly #master: Uint8Array;
  #sealing: Uint8Array | undefined;
  #nonce: Uint8Array | undefined;
  #fingerprint: Uint8Array | undefined;
  #audit: Uint8Array | undefined;
  #hop: Uint8Array | undefined;
  #carriedCipher: Uint8Array | undefined;
  #carriedMac: Uint8Array | undefined;

  /** @throws RangeError if `master` has not exactly 32 bytes */
  constructor(master: Uint8Array) {
    if (master.length !== KEY_BYTES) {
      throw new RangeError(`making a key: found ${master.length} bytes, want ${KEY_BYTES}`);
    }
    // A copy, which a Buffer's own `slice` is not.
    this.#master = new Uint8Array(master);
    const id = Buffer.from(deriveByBlake3(CONTEXTS.keyId, master, KEY_ID_BYTES));
    this.id = id.toString("hex");
    this.idWord = id.readUInt32BE();
  }

  /** Key of the cipher. */
  get sealingKey(): Uint8Array {
    return this.#sealing ??= deriveByBlake3(CONTEXTS.sealing, this.#master, KEY_BYTES);
  }

  /** Key of the hash that makes nonces. */
  get nonceKey(): Uint8Array {
    return this.#nonce ??= deriveByBlake3(CONTEXTS.nonce, this.#master, KEY_BYTES);
  }

  /** Key of the hash that makes owner fingerprints. */
  get fingerprintKey(): Uint8Array {
    return this.#fingerprint ??= deriveByBlake3(CONTEXTS.fingerprint, this.#master, KEY_BYTES);
  }

  /** Key of the MACs that chain the lines of an audit log. */
  get auditKey(): Uint8Array {
    return this.#audit ??= deriveByBlake3(CONTEXTS.audit, this.#master, KEY_BYTES);
  }

  /** Key of what replicas prove to each other. */
  get hopKey(): Uint8Array {
    return this.#hop ??= deriveByBlake3(CONTEXTS.hop, this.#master, KEY_BYTES);
  }

  /** Key of the cipher for what clients bring back. */
  get carriedCipherKey(): Uint8Array {
    return this.#carriedCipher ??= deriveByBlake3(CONTEXTS.carriedCipher, this.#master, KEY_BYTES);
  }

  /** Key of the MAC that is its initial vector. */
  get carriedMacKey(): Uint8Array {
    return this.#carriedMac ??= deriveByBlake3(CONTEXTS.carriedMac, this.#master, KEY_BYTES);
  }

  toString(): string {
    return `MasterKey(${this.id})`;
  }

  toJSON(): string {
    return this.toString();
  }

  /** What `console.log` prints, in Deno, Node and Bun alike. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** One or more keys. Immutable: reloading makes a new ring (E5). */
export class KeyRing {
  /** In the order given; the first is {@link active}. */
  readonly keys: readonly MasterKey[];
  /** Seals everything new. */
  readonly active: MasterKey;
  readonly #byIdWord: ReadonlyMap<number, MasterKey>;

  /** @throws RangeError without a key, or if two keys share an id */
  constructor(keys: readonly MasterKey[]) {
    const [active] = keys;
    if (active === undefined) throw new RangeError("making a key ring: found no key, want at least one");
    this.#byIdWord = new Map(keys.map((key) => [key.idWord, key]));
    if (this.#byIdWord.size !== keys.length) {
      throw new RangeError("making a key ring: found two keys of one id, want distinct ids");
    }
    this.keys = [...keys];
    this.active = active;
  }

  /** The key with this {@link MasterKey.idWord}. */
  find(idWord: number): MasterKey | undefined {
    return this.#byIdWord.get(idWord);
  }

  toString(): string {
    return `KeyRing(${this.keys.map((key) => key.id).join(", ")})`;
  }
}

/** A new key as standard base64, as {@link parseKeyRing} reads it. */
export function generateKey(random: RandomBytes): string {
  return Buffer.from(random(KEY_BYTES)).toString("base64");
}

/** A ring of one fresh key, for runs without a configured one: its ids die with the process (E6). */
export function ephemeralKeyRing(random: RandomBytes): KeyRing {
  return new KeyRing([new MasterKey(random(KEY_BYTES))]);
}

/**
 * The ring written in `text`: one base64 key a line, or several separated by commas; blank lines and whatever follows a
 * `#` are skipped. The first key is the active one.
 *
 * @param place where the text comes from, for messages: a path or the name of a variable
 * @throws ConfigError with every problem of the text at once, of many the first; no key is quoted
 */
export function parseKeyRing(text: string, place: string): KeyRing {
  if (text.length > MOST_CHARACTERS) {
    throw new ConfigError([{ place, problem: "the key ring is longer than 1 MiB", remedy: REMEDY }]);
  }
  const problems: ConfigProblem[] = [];
  const places = new Map<number, { key: MasterKey; master: Buffer; place: string }>();
  let count = 0;
  for (const entry of entriesOf(text, place)) {
    const found = ++count > MOST_KEYS
      ? `it has more than ${MOST_KEYS} keys`
      : problems.length === MOST_PROBLEMS
      ? "more is wrong behind that"
      : undefined;
    // A file that is something else, named by mistake, is given up: who serves meanwhile would stand still for it.
    if (found !== undefined) {
      problems.push({ place, problem: found, remedy: REMEDY });
      break;
    }
    const master = Buffer.from(entry.text, "base64");
    const problem = problemOf(entry.text, master);
    if (problem !== undefined) {
      problems.push({ place: entry.place, problem, remedy: REMEDY });
      continue;
    }
    const key = new MasterKey(master);
    const earlier = places.get(key.idWord);
    if (earlier === undefined) places.set(key.idWord, { key, master, place: entry.place });
    else problems.push(clashOf(entry.place, earlier.place, master.equals(earlier.master)));
  }
  if (count === 0) {
    problems.push({ place, problem: "reading the key ring found no key", remedy: REMEDY });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return new KeyRing([...places.values()].map(({ key }) => key));
}

/** Each key is in use for as long as a session lives: more are no ring. */
const MOST_KEYS = 1000;
/** With whatever is said of each: what is longer would only be looked at in vain, while whoever serves stands still. */
const MOST_CHARACTERS = 1024 * 1024;
/** Told of one text. */
const MOST_PROBLEMS = 10;
const REMEDY = `Write standard base64 of ${KEY_BYTES} random bytes (44 characters): \`signet keys new\` makes one.`;

interface Entry {
  readonly text: string;
  readonly place: string;
}

/** Every key written in the text, with a place fit for its form: `FILE:3`, `VARIABLE (key 2)`. */
function* entriesOf(text: string, place: string): Generator<Entry> {
  const isFile = text.trim().includes("\n");
  for (const [index, line] of text.split("\n").entries()) {
    const words = line.replace(/#.*/, "").split(",").map((word) => word.trim()).filter((word) => word !== "");
    const linePlace = isFile ? `${place}:${index + 1}` : place;
    for (const [i, word] of words.entries()) {
      yield { text: word, place: words.length > 1 ? `${linePlace} (key ${i + 1})` : linePlace };
    }
  }
}

/** What is wrong with one key; its text is never part of the answer. */
function problemOf(text: string, decoded: Buffer): string | undefined {
  if (/^[\w-]+=*$/.test(text) && /[-_]/.test(text)) return "the key is URL-safe base64, not standard base64";
  // Node's decoder skips what it does not know: only a text that comes out again is base64.
  if (decoded.toString("base64") !== text) return "the key is not valid standard base64";
  if (decoded.length !== KEY_BYTES) return `the key has ${decoded.length} bytes, not ${KEY_BYTES}`;
  return undefined;
}

function clashOf(place: string, earlier: string, same: boolean): ConfigProblem {
  if (same) return { place, problem: `the key stands at ${earlier} already`, remedy: "Remove one of the two." };
  return {
    place,
    problem: `the key has the same key id as the one at ${earlier}`,
    remedy: "Replace the newer of the two: ids of a ring must differ, and a fresh key's will.",
  };
}

// Where the key ring comes from (docs/behaviour.md E6): --key-file, else MCP_ENCRYPTION_KEY, else a systemd credential,
// else a fresh key that dies with the process. A source that is there but unusable refuses to start; it never falls to
// the next.
import { generateKey, type KeyRing, parseKeyRing, type RandomBytes } from "../../envelope/key_ring.ts";
import { ConfigError } from "../../errors.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import type { Environment } from "../environment.ts";
import type { FileAccess } from "./named_files.ts";
import { explainReadError } from "./read_error.ts";

/** A comma-separated ring. */
const KEY_VARIABLE = "MCP_ENCRYPTION_KEY";
/** Set by systemd (`LoadCredential=signet-key:…`); see systemd.exec(5), "Credentials". */
const CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY";
const CREDENTIAL_NAME = "signet-key";

/** Keys as they were written, for who hands them on to processes of its own; not shown when it is printed. */
export class KeyMaterial {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }
}

export interface LoadedKeys {
  readonly ring: KeyRing;
  readonly material?: KeyMaterial;
  /** For people: a file's name, a variable's name, or `ephemeral`. */
  readonly source: string;
  /** Ids die with this process, and other replicas cannot open them. */
  readonly ephemeral: boolean;
  readonly warnings: readonly string[];
}

export interface KeyOptions extends FileAccess {
  readonly env: Environment;
  readonly random: RandomBytes;
}

interface KeyText {
  readonly text: string;
  readonly source: string;
}

async function readKeyFile(path: string, place: string, files: FileAccess): Promise<KeyText> {
  try {
    return { text: await files.readTextFile(path), source: path };
  } catch (error) {
    throw new ConfigError([{ place, ...explainReadError(error, path) }]);
  }
}

async function readCredential(options: KeyOptions): Promise<KeyText | undefined> {
  const directory = options.env[CREDENTIALS_VARIABLE];
  if (!directory) return undefined;
  const path = `${directory.replace(/[\\/]+$/, "")}/${CREDENTIAL_NAME}`;
  try {
    return { text: await options.readTextFile(path), source: path };
  } catch (error) {
    // A unit may have other credentials only.
    if (systemFault(error) === "NotFound") return undefined;
    throw new ConfigError([{ place: CREDENTIALS_VARIABLE, ...explainReadError(error, path) }]);
  }
}

async function readKeyText(keyFile: string | undefined, options: KeyOptions): Promise<KeyText | undefined> {
  if (keyFile !== undefined) return await readKeyFile(keyFile, "--key-file", options);
  const text = options.env[KEY_VARIABLE];
  // Set but blank is a secret that failed to arrive: parsing it says so, where an ephemeral key would hide it.
  if (text !== undefined) return { text, source: KEY_VARIABLE };
  return await readCredential(options);
}

/**
 * The ring of the first source there is.
 * @param keyFile the setting `key-file`
 * @throws ConfigError if that source cannot be read or holds no valid ring; no key is quoted
 */
export async function loadKeys(keyFile: string | undefined, options: KeyOptions): Promise<LoadedKeys> {
  const found = await readKeyText(keyFile, options);
  if (found === undefined) {
    const warning =
      "The key is ephemeral: every session ends when this process does, and no other replica can open them. " +
      `Make a key with \`signet keys new\` and set --key-file or ${KEY_VARIABLE}.`;
    const text = generateKey(options.random);
    const ring = parseKeyRing(text, "ephemeral");
    return { ring, material: new KeyMaterial(text), source: "ephemeral", ephemeral: true, warnings: [warning] };
  }
  const ring = parseKeyRing(found.text, found.source);
  const hidden = keyFile !== undefined && options.env[KEY_VARIABLE] !== undefined;
  const warnings = hidden ? [`${KEY_VARIABLE} is set too; --key-file goes before it, and it is not used.`] : [];
  return { ring, material: new KeyMaterial(found.text), source: found.source, ephemeral: false, warnings };
}

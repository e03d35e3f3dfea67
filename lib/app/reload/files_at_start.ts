// Files that are read when Signet starts and never again: secrets, and authorities for certificates. A reload puts nothing of
// what they hold by then in force, and says so: whoever has replaced a secret that got out must not think that he has (P2).
import { type SettingKey, settingOf, type Settings } from "../../config/schema.ts";
import { listedAs } from "../../config/setting.ts";
import { createHash } from "../../platform/runtime/builtin.ts";

type ReadFile = (path: string) => Promise<string>;

/** By the setting that names them. `credentialRefreshTokenFile` is Signet's own to write. */
function filesOf(settings: Settings): (readonly [key: SettingKey, path: string])[] {
  const { stdioSecrets, memberCredentials } = settings;
  const one = (
    [
      "tokenSecretFile",
      "adminTokenFile",
      "credentialClientSecretFile",
      "upstreamCaFile",
      "peerCaFile",
      "storeCaFile",
    ] as const
  ).map((key) => [key, settings[key]] as const);
  const many = [
    ...stdioSecrets.map(({ path }) => ["stdioSecrets", path] as const),
    ...memberCredentials.map(({ path }) => ["memberCredentials", path] as const),
  ];
  return [...one, ...many].flatMap(([key, path]) => path === undefined ? [] : [[key, path] as const]);
}

interface Found {
  readonly key: SettingKey;
  readonly path: string;
  readonly digest: string;
}

export class FilesAtStart {
  readonly #found: readonly Found[];
  readonly #readFile: ReadFile;

  private constructor(found: readonly Found[], readFile: ReadFile) {
    this.#found = found;
    this.#readFile = readFile;
  }

  /** To be called before they are used. What cannot be read is somebody else's to tell of. */
  static async read(settings: Settings, readFile: ReadFile): Promise<FilesAtStart> {
    const found = filesOf(settings).map(async ([key, path]) => ({ key, path, digest: await digestOf(path, readFile) }));
    return new FilesAtStart(await Promise.all(found), readFile);
  }

  /** Flags of the settings whose files hold something else by now, or cannot be read. */
  async changed(): Promise<string[]> {
    const flags = new Set<string>();
    for (const { key, path, digest } of this.#found) {
      if (await digestOf(path, this.#readFile) === digest) continue;
      flags.add(listedAs(settingOf(key)));
    }
    return [...flags];
  }
}

async function digestOf(path: string, readFile: ReadFile): Promise<string> {
  const text = await readFile(path).catch(() => undefined);
  return text === undefined ? "" : createHash("sha256").update(text).digest("hex");
}

// A certificate authority of a test's own, and what it certifies, by openssl: `await using folder …; const ours = await
// Authority.create(folder.path, "ours")`.
import { runBounded } from "../../scripts/bounded_child.ts";
import { TempFolder } from "./temp_folder.ts";

/** Files in PEM. */
export interface Certified {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertifiedFor {
  /** As openssl writes them: `IP:127.0.0.1`, `DNS:store.example`. Default: 127.0.0.1. */
  readonly names?: string;
  /** It ended yesterday. */
  readonly expired?: boolean;
}

export class Authority {
  readonly certFile: string;
  readonly #keyFile: string;
  readonly #path: string;
  #issued = 0;

  private constructor(path: string) {
    this.#path = path;
    this.certFile = `${path}.pem`;
    this.#keyFile = `${path}.key`;
  }

  /** @param name of the authority, and the first part of the names of all its files */
  static async create(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(`${folder}/${name}`);
    const extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
    const files = ["-keyout", authority.#keyFile, "-out", authority.certFile];
    await openssl(["req", "-x509", ...NEW_KEY, "-days", "2", "-subj", `/CN=${name}`, ...extensions, ...files]);
    return authority;
  }

  async certify({ names = "IP:127.0.0.1", expired = false }: CertifiedFor = {}): Promise<Certified> {
    // Two may be asked for at once: a file of serial numbers would be written by both.
    const serial = ++this.#issued;
    const path = `${this.#path}-${serial}`;
    const [certFile, keyFile, request, extensions] = [".pem", ".key", ".csr", ".ext"].map((end) => path + end) as [
      string,
      string,
      string,
      string,
    ];
    await Deno.writeTextFile(extensions, `subjectAltName=${names}\nbasicConstraints=critical,CA:FALSE\n`);
    await openssl(["req", ...NEW_KEY, "-subj", "/CN=replica", "-keyout", keyFile, "-out", request]);
    const by = ["-CA", this.certFile, "-CAkey", this.#keyFile, "-set_serial", String(serial), "-extfile", extensions];
    await openssl(["x509", "-req", "-in", request, ...by, "-days", expired ? "-1" : "2", "-out", certFile]);
    await Deno.chmod(keyFile, 0o600);
    return { certFile, keyFile };
  }
}

/** A certificate, its key and its authority as texts, for whoever needs no files. */
export async function pemTexts(): Promise<{ readonly cert: string; readonly key: string; readonly ca: string }> {
  await using folder = await TempFolder.create();
  const authority = await Authority.create(folder.path, "ours");
  const { certFile, keyFile } = await authority.certify();
  const [cert, key, ca] = await Promise.all([certFile, keyFile, authority.certFile].map((it) => Deno.readTextFile(it)));
  return { cert: cert!, key: key!, ca: ca! };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runBounded("openssl", {
    what: `openssl ${args[0]}`,
    deadlineMs: 60_000,
    args: [...args],
  });
  if (code !== 0) throw new Error(`openssl ${args[0]}: found exit code ${code}: ${stderr}`);
}

// A self-signed certificate made by openssl for one test.

/** How long openssl may take, in ms. */
const OPENSSL_MS = 60_000;

export interface TestCertificate extends AsyncDisposable {
  /** False where there is no openssl; the test says so and proves nothing. */
  readonly available: boolean;
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate for `name` and for 127.0.0.1, in files of its own. */
export async function makeCertificate(name: string): Promise<TestCertificate> {
  const folder = await Deno.makeTempDir();
  const certFile = `${folder}/cert.pem`;
  const keyFile = `${folder}/key.pem`;
  const available = await runOpenssl(name, certFile, keyFile);
  return {
    available,
    cert: available ? await Deno.readTextFile(certFile) : "",
    key: available ? await Deno.readTextFile(keyFile) : "",
    certFile,
    keyFile,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function runOpenssl(name: string, certFile: string, keyFile: string): Promise<boolean> {
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(), OPENSSL_MS);
  try {
    const { success, stderr } = await new Deno.Command("openssl", {
      // deno-fmt-ignore
      args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name},IP:127.0.0.1`,
        "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", keyFile, "-out", certFile],
      stderr: "piped",
      stdout: "null",
      signal: overdue.signal,
    }).output();
    if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.warn("%cNOT PROVEN: TLS, because openssl is not installed", "color: red");
    return false;
  } finally {
    clearTimeout(timer);
  }
}

// A token issuer of the test's own: an ES256 key pair, its key set in a file, and tokens that hold or do not.
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export const ISSUER = "https://issuer.example";
export const AUDIENCE = "https://signet.example/mcp";
/** Flags that make Signet serve the metadata of that resource, and challenge with them (RFC 9728). */
export const RESOURCE_FLAGS: readonly string[] = ["--resource", AUDIENCE, "--authorization-server", ISSUER];

export interface TokenOptions {
  readonly expiresInS?: number;
  readonly audience?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: string;
}

export class TestIssuer implements AsyncDisposable {
  readonly #key: CryptoKey;
  readonly jwksFile: string;
  #issued = 0;

  private constructor(key: CryptoKey, jwksFile: string) {
    this.#key = key;
    this.jwksFile = jwksFile;
  }

  static async create(): Promise<TestIssuer> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const jwksFile = await Deno.makeTempFile({ prefix: "signet-jwks-", suffix: ".json" });
    const key = { ...await exportJWK(publicKey), kid: "k1", alg: "ES256", use: "sig" };
    await Deno.writeTextFile(jwksFile, JSON.stringify({ keys: [key] }));
    return new TestIssuer(privateKey, jwksFile);
  }

  /** Flags that make Signet take this issuer's tokens. */
  get flags(): string[] {
    return ["--principal", "jwt", "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-jwks", this.jwksFile];
  }

  /** Another token each time, as a refresh gives. */
  async token(subject: string, options: TokenOptions = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return await new SignJWT({
      jti: String(++this.#issued),
      ...(options.scope === undefined ? {} : { scope: options.scope }),
      ...(options.clientId === undefined ? {} : { client_id: options.clientId }),
    })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setIssuer(options.issuer ?? ISSUER)
      .setAudience(options.audience ?? AUDIENCE)
      .setSubject(subject)
      .setIssuedAt(now - 10)
      .setExpirationTime(now + (options.expiresInS ?? 600))
      .sign(this.#key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.jwksFile);
  }
}

// A token issuer of the test's own: an ES256 key pair, its key set in a file, and tokens that hold now.
import { AUDIENCE, type Claims, ISSUER, Issuer, keySetOf } from "./issuer.ts";

/** Flags that make Signet serve the metadata of that resource, and challenge with them (RFC 9728). */
export const RESOURCE_FLAGS: readonly string[] = ["--resource", AUDIENCE, "--authorization-server", ISSUER];

export interface TokenOptions {
  readonly expiresInS?: number;
  readonly audience?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: string;
  /** Whatever else it says. */
  readonly claims?: Claims;
}

export class TestIssuer implements AsyncDisposable {
  readonly #issuer: Issuer;
  readonly jwksFile: string;
  #issued = 0;

  private constructor(issuer: Issuer, jwksFile: string) {
    this.#issuer = issuer;
    this.jwksFile = jwksFile;
  }

  static async create(): Promise<TestIssuer> {
    const issuer = await Issuer.create("k1");
    const jwksFile = await Deno.makeTempFile({ prefix: "signet-jwks-", suffix: ".json" });
    await Deno.writeTextFile(jwksFile, keySetOf(issuer));
    return new TestIssuer(issuer, jwksFile);
  }

  /** Flags that make Signet take this issuer's tokens. */
  get flags(): string[] {
    return ["--principal", "jwt", "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-jwks", this.jwksFile];
  }

  /** Another token each time, as a refresh gives. */
  async token(subject: string, options: TokenOptions = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return await this.#issuer.sign({
      jti: String(++this.#issued),
      iss: options.issuer ?? ISSUER,
      aud: options.audience ?? AUDIENCE,
      sub: subject,
      iat: now - 10,
      exp: now + (options.expiresInS ?? 600),
      scope: options.scope,
      client_id: options.clientId,
      ...options.claims,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.jwksFile);
  }
}

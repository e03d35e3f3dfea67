// An identity provider under the test's control: key set, introspection and resolver on one loopback address. It counts
// what it is asked, and can be gone, fail, hang, or rotate its keys. For a real one, see oauth_server.ts.
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** What can be asked of it. */
export type Question = "jwks" | "introspect" | "resolve";
/** `busy` answers 503; `hanging` not at all until it is something else. */
export type Mood = "up" | "busy" | "hanging";

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export interface SignOptions {
  /** Defaults: the newest published key, and the kid it is published under. */
  readonly key?: SigningKey;
  readonly kid?: string;
  readonly audience?: string;
  /** Default a day. */
  readonly expiresInS?: number;
}

async function newKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  return { kid, privateKey, jwk: { ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" } };
}

export class StubProvider implements AsyncDisposable {
  readonly audience = "https://signet.example/mcp";
  /** Opaque tokens and API keys that hold, and whose they are. */
  readonly known = new Map<string, string>();
  /** Credentials in the order they were asked about; the key set's requests are "". */
  readonly asked: Record<Question, string[]> = { jwks: [], introspect: [], resolve: [] };
  readonly secretFile: string;
  /** Signs tokens that claim to be the provider's. */
  readonly forger: SigningKey;
  published: readonly SigningKey[];
  #mood: Mood = "up";
  #released = Promise.withResolvers<void>();
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  readonly #port: number;
  readonly #now: () => number;
  #issued = 0;

  private constructor(now: () => number, keys: { first: SigningKey; forger: SigningKey }, secretFile: string) {
    this.#now = now;
    this.published = [keys.first];
    this.forger = keys.forger;
    this.secretFile = secretFile;
    this.#server = this.#listen(0);
    this.#port = this.#server.addr.port;
  }

  static async start(now: () => number): Promise<StubProvider> {
    const secretFile = await Deno.makeTempFile({ prefix: "signet-provider-" });
    await Deno.writeTextFile(secretFile, "a-secret-of-the-resource-server");
    return new StubProvider(now, { first: await newKey("k1"), forger: await newKey("k1") }, secretFile);
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Flags that make Signet ask it by this source. */
  flags(source: "jwt" | "introspection" | "resolver"): string[] {
    const principal = ["--principal", source];
    if (source === "resolver") return [...principal, "--resolver-url", `${this.issuer}/resolve`];
    if (source === "jwt") {
      const keys = ["--jwt-jwks", `${this.issuer}/jwks`];
      return [...principal, "--jwt-issuer", this.issuer, "--jwt-audience", this.audience, ...keys];
    }
    const client = ["--introspection-client-id", "signet", "--introspection-secret-file", this.secretFile];
    return [...principal, "--introspection-url", `${this.issuer}/introspect`, "--unsafe-identity-http", ...client];
  }

  set mood(mood: Mood) {
    this.#mood = mood;
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  /** Nobody listens any more: connections are refused. */
  async goAway(): Promise<void> {
    this.mood = "up";
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  comeBack(): void {
    this.#server = this.#listen(this.#port);
  }

  /** A new key beside those there are, or in their place. */
  async rotate(options: { readonly keepOld: boolean }): Promise<void> {
    const key = await newKey(`k${this.published.length + 1}`);
    this.published = options.keepOld ? [...this.published, key] : [key];
  }

  async sign(subject: string, options: SignOptions = {}): Promise<string> {
    const key = options.key ?? this.published.at(-1)!;
    const nowS = Math.floor(this.#now() / 1000);
    return await new SignJWT({ jti: String(++this.#issued) })
      .setProtectedHeader({ alg: "ES256", kid: options.kid ?? key.kid })
      .setIssuer(this.issuer)
      .setAudience(options.audience ?? this.audience)
      .setSubject(subject)
      .setExpirationTime(nowS + (options.expiresInS ?? 86_400))
      .sign(key.privateKey);
  }

  /** How often it was asked, about this credential if one is given. */
  count(question: Question, credential?: string): number {
    const asked = this.asked[question];
    return credential === undefined ? asked.length : asked.filter((seen) => seen === credential).length;
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const options = { hostname: "127.0.0.1", port, onListen: () => {} };
    return Deno.serve(options, (request) => this.#answer(request));
  }

  async #answer(request: Request): Promise<Response> {
    const question = new URL(request.url).pathname.slice(1) as Question;
    const body = await request.text();
    const credential = question === "introspect"
      ? new URLSearchParams(body).get("token") ?? ""
      : question === "resolve"
      ? String(JSON.parse(body).headers.authorization).replace(/^Bearer /, "")
      : "";
    this.asked[question].push(credential);
    while (this.#mood === "hanging") await this.#released.promise;
    if (this.#mood === "busy") return new Response("busy", { status: 503 });
    if (question === "jwks") return Response.json({ keys: this.published.map(({ jwk }) => jwk) });
    const subject = this.known.get(credential);
    if (question === "introspect") {
      return Response.json(
        subject === undefined ? { active: false } : { active: true, sub: subject, iss: this.issuer },
      );
    }
    return subject === undefined ? new Response(null, { status: 401 }) : Response.json({ subject });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.goAway();
    await Deno.remove(this.secretFile);
  }
}

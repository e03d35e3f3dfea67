// A real authorization server (npm oidc-provider) on loopback: discovery, dynamic registration, authorization code with
// PKCE, refresh tokens, resource indicators, introspection, revocation. Only the user's part is played: who signs in, and
// to which scopes that user agrees.
import { exportJWK, generateKeyPair } from "jose";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

/** What access tokens are: signed for a resource to read (RFC 9068), or to be asked about (RFC 7662). */
export const TOKEN_FORMATS = ["jwt", "opaque"] as const;
export type TokenFormat = typeof TOKEN_FORMATS[number];

/** Signet's own client at the server, for introspection. */
const RESOURCE_SERVER = { id: "signet", secret: "a-secret-of-the-resource-server" };
/** Every scope a resource here knows. */
export const SCOPES = ["mcp:use", "files:read", "files:write"] as const;

/** The parts of the library that are used; it ships no types of its own. */
interface Grant {
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  rejectOIDCScope(scope: string): void;
  rejectResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}

interface OidcProvider {
  readonly Grant: new (owner: { accountId: string; clientId: string }) => Grant;
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ params: { client_id: string; scope?: string; resource?: string } }>;
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: unknown): Promise<void>;
}

export class AuthorizationServer implements AsyncDisposable {
  readonly format: TokenFormat;
  /** Who signs in next. */
  user = "alice";
  /** Scopes the user agrees to; others that a client asks for are refused. */
  agreed: readonly string[] = SCOPES;
  /** Of access tokens issued from now on, in seconds. */
  accessTokenTtlS = 600;
  /** Resources that tokens may be asked for (RFC 8707), besides which there are none. */
  readonly resources = new Set<string>();
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[] = [];
  readonly #http: Server;
  readonly #provider: OidcProvider;
  readonly #client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  #secretFile: string | undefined;

  private constructor(format: TokenFormat, http: Server, key: object) {
    this.format = format;
    this.#http = http;
    this.#provider = new Provider(this.issuer, this.#configuration(key) as never) as unknown as OidcProvider;
    const answer = this.#provider.callback();
    http.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const path = (request.url ?? "").replace(/\?.*/, "");
      this.requests.push(`${request.method} ${path}`);
      if (!path.startsWith("/interaction/")) return answer(request, response);
      this.#agree(request, response).catch((fault) => response.writeHead(500).end(String(fault)));
    });
  }

  static async start(format: TokenFormat): Promise<AuthorizationServer> {
    const http = createServer().listen(0, "127.0.0.1");
    await once(http, "listening");
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    const key = { ...await exportJWK(privateKey), kid: "as-1", alg: "ES256", use: "sig" };
    return new AuthorizationServer(format, http, key);
  }

  /** Without a slash at its end: issuers compare as text (RFC 8414 §2). */
  get issuer(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  count(request: string): number {
    return this.requests.filter((seen) => seen === request).length;
  }

  /** Flags that make Signet, reached at `resource`, take this server's tokens. */
  async flags(resource: string): Promise<string[]> {
    this.resources.add(resource);
    const metadata = ["--resource", resource, "--authorization-server", this.issuer];
    if (this.format === "jwt") {
      const keys = ["--jwt-jwks", `${this.issuer}/jwks`];
      return [...metadata, "--principal", "jwt", "--jwt-issuer", this.issuer, "--jwt-audience", resource, ...keys];
    }
    this.#secretFile ??= await Deno.makeTempFile({ prefix: "signet-oauth-" });
    await Deno.writeTextFile(this.#secretFile, RESOURCE_SERVER.secret);
    const endpoint = ["--introspection-url", `${this.issuer}/token/introspection`, "--unsafe-identity-http"];
    const client = ["--introspection-client-id", RESOURCE_SERVER.id, "--introspection-secret-file", this.#secretFile];
    const rules = ["--introspection-issuer", this.issuer, "--introspection-audience", resource];
    return [...metadata, "--principal", "introspection", ...endpoint, ...client, ...rules];
  }

  /** RFC 7009, as a user's "sign out everywhere" does it. */
  async revoke(token: string): Promise<void> {
    const response = await fetch(`${this.issuer}/token/revocation`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${RESOURCE_SERVER.id}:${RESOURCE_SERVER.secret}`)}` },
      body: new URLSearchParams({ token }),
      client: this.#client,
    });
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`revoking a token: status ${response.status}, want 200`);
  }

  #configuration(key: object) {
    return {
      jwks: { keys: [key] },
      scopes: ["offline_access", ...SCOPES],
      cookies: { keys: ["a-key-of-the-test"] },
      clientDefaults: { id_token_signed_response_alg: "ES256" },
      pkce: { required: () => true },
      clients: [{
        client_id: RESOURCE_SERVER.id,
        client_secret: RESOURCE_SERVER.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: [],
      }],
      findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
      issueRefreshToken: (_: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
        client.grantTypeAllowed("refresh_token"),
      expiresWithSession: () => false,
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      ttl: {
        AccessToken: () => this.accessTokenTtlS,
        ...{ RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 600 },
      },
      features: {
        devInteractions: { enabled: false },
        introspection: { enabled: true, allowedPolicy: () => true },
        registration: { enabled: true },
        revocation: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => undefined,
          useGrantedResource: () => true,
          getResourceServerInfo: (_: unknown, resource: string) => this.#resource(resource),
        },
      },
    };
  }

  #resource(resource: string) {
    if (!this.resources.has(resource)) throw new Error(`there is no resource ${resource}`);
    return {
      scope: SCOPES.join(" "),
      audience: resource,
      accessTokenTTL: this.accessTokenTtlS,
      accessTokenFormat: this.format,
      jwt: { sign: { alg: "ES256" } },
    };
  }

  /** Signs the user in and answers the question for consent. */
  async #agree(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { params } = await this.#provider.interactionDetails(request, response);
    const accountId = this.user;
    const grant = new this.#provider.Grant({ accountId, clientId: params.client_id });
    const known: readonly string[] = SCOPES;
    for (const scope of (params.scope ?? "").split(" ").filter((scope) => scope !== "")) {
      if (known.includes(scope) && !this.agreed.includes(scope)) {
        grant.rejectOIDCScope(scope);
        if (params.resource !== undefined) grant.rejectResourceScope(params.resource, scope);
      } else {
        grant.addOIDCScope(scope);
        if (params.resource !== undefined) grant.addResourceScope(params.resource, scope);
      }
    }
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    await this.#provider.interactionFinished(request, response, result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
    if (this.#secretFile !== undefined) await Deno.remove(this.#secretFile);
  }
}

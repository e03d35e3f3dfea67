// The official clients with their OAuth flows, behind one face. The clients are unmodified; what is written here is what
// every application has to: where credentials are kept, and how the user gets to see the authorization server.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type ClientKind, firstText } from "./mcp_client_contract.ts";
import { authorizeInBrowser } from "./oauth_browser.ts";
import type { Trail } from "./oauth_trail.ts";

/** Nothing listens there: the browser stops where it is sent to it. */
const REDIRECT_URL = "http://127.0.0.1:1/callback";

interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly issuer?: string;
}

interface ClientInformation {
  readonly client_id: string;
  readonly issuer?: string;
}

export interface StoreOptions {
  /** Default true. */
  readonly refreshTokens?: boolean;
}

/** What an application keeps of one user's credentials; the `OAuthClientProvider` of both SDKs. */
export class CredentialStore {
  readonly redirectUrl = REDIRECT_URL;
  readonly clientMetadata;
  /** Every authorization the user was asked for. */
  readonly authorizations: URL[] = [];
  /** Where the user is to be sent, until that is done. */
  pending: URL | undefined;
  current: Tokens | undefined;
  client: ClientInformation | undefined;
  #verifier = "";
  #discovered: unknown;

  constructor({ refreshTokens = true }: StoreOptions = {}) {
    this.clientMetadata = {
      client_name: "signet-test",
      application_type: "native",
      redirect_uris: [REDIRECT_URL],
      response_types: ["code"],
      grant_types: ["authorization_code", ...(refreshTokens ? ["refresh_token"] : [])],
      token_endpoint_auth_method: "none",
    };
  }

  clientInformation = () => this.client;
  saveClientInformation = (client: ClientInformation): void => void (this.client = client);
  tokens = () => this.current;
  saveTokens = (tokens: Tokens): void => void (this.current = tokens);
  codeVerifier = () => this.#verifier;
  saveCodeVerifier = (verifier: string): void => void (this.#verifier = verifier);
  discoveryState = () => this.#discovered as undefined;
  saveDiscoveryState = (state: unknown): void => void (this.#discovered = state);
  redirectToAuthorization = (url: URL): void => {
    this.authorizations.push(url);
    this.pending = url;
  };
  invalidateCredentials = (scope: "all" | "client" | "tokens" | "verifier" | "discovery"): void => {
    if (scope === "all" || scope === "tokens") this.current = undefined;
    if (scope === "all" || scope === "client") this.client = undefined;
    if (scope === "all" || scope === "discovery") this.#discovered = undefined;
  };

  /** Scopes the user was asked for, an authorization each. */
  get askedScopes(): string[] {
    return this.authorizations.map((url) => url.searchParams.get("scope") ?? "");
  }
}

interface Transport {
  readonly sessionId?: string | undefined;
  finishAuth(code: string, iss?: string): Promise<void>;
}

/** One client object on one transport. */
interface Line {
  readonly transport: Transport;
  connect(): Promise<void>;
  call(name: string, args: Record<string, unknown>): Promise<unknown>;
  read(uri: string): Promise<unknown>;
  close(): Promise<void>;
}

interface LineOptions {
  readonly store: CredentialStore;
  readonly trail: Trail;
}

function lineV1(url: string, { store, trail }: LineOptions): Line {
  const client = new ClientV1({ name: "signet-test-v1", version: "1.0.0" });
  const transport = new TransportV1(new URL(url), { authProvider: store, fetch: trail.fetch });
  return {
    transport,
    connect: () => client.connect(transport),
    call: async (name, args) => (await client.callTool({ name, arguments: args })).content,
    read: async (uri) => (await client.readResource({ uri })).contents,
    close: () => client.close(),
  };
}

function lineV2(url: string, kind: ClientKind, { store, trail }: LineOptions): Line {
  const client = new ClientV2({ name: "signet-test-v2", version: "1.0.0" }, {
    ...(kind === "v2-auto" && { versionNegotiation: { mode: "auto" as const } }),
  });
  const transport = new TransportV2(new URL(url), { authProvider: store, fetch: trail.fetch });
  return {
    transport,
    connect: () => client.connect(transport),
    call: async (name, args) => (await client.callTool({ name, arguments: args })).content,
    read: async (uri) => (await client.readResource({ uri })).contents,
    close: () => client.close(),
  };
}

export interface OAuthOptions extends Partial<LineOptions> {
  readonly trail: Trail;
}

/** A client that has been authorized and has opened its session. */
export class OAuthClient implements AsyncDisposable {
  readonly store: CredentialStore;
  readonly trail: Trail;
  readonly #line: Line;

  private constructor(line: Line, options: LineOptions) {
    this.#line = line;
    this.store = options.store;
    this.trail = options.trail;
  }

  /** Connects as the SDKs' documentation shows: refused, authorized, connected by a new transport. */
  static async connect(kind: ClientKind, url: string, options: OAuthOptions): Promise<OAuthClient> {
    const { trail, store = new CredentialStore() } = options;
    const open = () => kind === "v1" ? lineV1(url, { store, trail }) : lineV2(url, kind, { store, trail });
    for (let attempt = 1;; attempt++) {
      const client = new OAuthClient(open(), { store, trail });
      try {
        await client.#line.connect();
        return client;
      } catch (fault) {
        const sent = await client.#visitBrowser();
        await client.#line.close();
        if (!sent || attempt === 3) throw fault;
      }
    }
  }

  get sessionId(): string | undefined {
    return this.#line.transport.sessionId;
  }

  /** The tool's first text. Where the client asks for the user's consent, it is obtained and the call made again, once. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<string> {
    let content: unknown;
    try {
      content = await this.#line.call(name, args);
    } catch (fault) {
      if (!await this.#visitBrowser()) throw fault;
      content = await this.#line.call(name, args);
    }
    return firstText(content);
  }

  /** A note that the fixture servers keep for a session. */
  async readNote(id: string): Promise<string> {
    return firstText(await this.#line.read(`fixture://notes/${id}`));
  }

  /** @returns whether the client had sent the user to the authorization server */
  async #visitBrowser(): Promise<boolean> {
    const { pending } = this.store;
    if (pending === undefined) return false;
    this.store.pending = undefined;
    const back = await authorizeInBrowser(pending, REDIRECT_URL);
    const code = back.get("code");
    if (code === null) throw new Error(`the authorization server sent the user back without a code: ${back}`);
    await this.#line.transport.finishAuth(code, back.get("iss") ?? undefined);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.close();
  }
}

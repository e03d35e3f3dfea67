// A credential by OAuth 2: the client-credentials (RFC 6749 §4.4), refresh-token (§6) or token-exchange (RFC 8693) grant.
// `invalid_grant` is final; everything else that goes wrong may pass.
import * as oauth from "oauth4webapi";
import { isThisMachine } from "../../identity/this_machine.ts";
import { AnswerFault, fetchWhole } from "../../identity/whole_answer.ts";
import { errorName } from "../../platform/faults/error_name.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { CachedCredential, CredentialRejectedError, type CredentialSource } from "./credential.ts";

/** Where a refresh token is kept: a server may replace it at every use (RFC 6749 §6). */
export interface RefreshTokenKeeper {
  load(): Promise<string>;
  /** Kept from now on, wherever it can be: rejects for nothing that may pass. */
  save(token: string): Promise<void>;
}

/** `scope`, `audience` and `resource` (RFC 8707) as the authorization server wants them. */
export type GrantParameters = Readonly<Record<string, string>>;

export type OAuthGrant =
  | { readonly type: "client_credentials"; readonly parameters?: GrantParameters }
  | { readonly type: "refresh_token"; readonly token: RefreshTokenKeeper; readonly parameters?: GrantParameters }
  | {
    readonly type: "token_exchange";
    /** The caller's token, as it was presented last. */
    readonly subjectToken: () => string;
    /** Default: `urn:ietf:params:oauth:token-type:access_token`. */
    readonly subjectTokenType?: string;
    readonly parameters?: GrantParameters;
  };

export interface OAuthClient {
  /** https, or http on loopback. */
  readonly tokenEndpoint: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret?: string;
  /** How the secret is presented. Default `basic`. */
  readonly authentication?: "basic" | "post";
}

export interface OAuthOptions {
  readonly client: OAuthClient;
  readonly grant: OAuthGrant;
  /** What the access token becomes: `{ API_TOKEN: token }`, `{ authorization: "Bearer …" }`. */
  readonly values: (accessToken: string) => Readonly<Record<string, string>>;
  readonly timers: Timers;
  readonly fetch: typeof fetch;
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** When a token ends whose server does not say, in ms from now. Default: never. */
  readonly lifetimeMs?: number;
}

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
/** A token and what is said of it, at their longest. */
const MAX_ANSWER_BYTES = 65_536;
/** Errors after which the same request can only fail again (RFC 6749 §5.2; RFC 8693 §2.2.2). */
const FINAL: ReadonlySet<string> = new Set(["invalid_grant"]);
/** RFC 6749 §A.7 says NQSCHAR; those in use are names, and nothing else of the server's words is printed. */
const ERROR_CODE = /^[\w.:/-]{1,64}$/;
/** Judged here, behind the refresh token: a new one is kept whatever came with it, as the one before it may be used up. */
const ANY_TYPE = { recognizedTokenTypes: new Proxy<oauth.RecognizedTokenTypes>({}, { get: () => () => {} }) };
/** RFC 6749 §A.12: 1*VSCHAR. */
const ACCESS_TOKEN_TEXT = /^[\x20-\x7e]+$/;

function authenticationOf({ clientSecret, authentication }: OAuthClient): oauth.ClientAuth {
  if (clientSecret === undefined) return oauth.None();
  return authentication === "post" ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret);
}

/** One request to the token endpoint, and what came of it. */
class TokenRequest {
  readonly #options: OAuthOptions;
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;

  constructor(options: OAuthOptions) {
    const { tokenEndpoint, clientId } = options.client;
    this.#options = options;
    this.#server = { issuer: new URL(tokenEndpoint).origin, token_endpoint: tokenEndpoint };
    this.#client = { client_id: clientId };
  }

  async run(): Promise<oauth.TokenEndpointResponse> {
    const { grant } = this.#options;
    switch (grant.type) {
      case "client_credentials": {
        const response = await oauth.clientCredentialsGrantRequest(...this.#to(), { ...grant.parameters }, this.#how());
        return await oauth.processClientCredentialsResponse(this.#server, this.#client, response, ANY_TYPE);
      }
      case "refresh_token":
        return await this.#refresh(grant);
      case "token_exchange":
        return await this.#exchange(grant);
    }
  }

  #to(): [oauth.AuthorizationServer, oauth.Client, oauth.ClientAuth] {
    return [this.#server, this.#client, authenticationOf(this.#options.client)];
  }

  #how() {
    const { client, fetch, timeoutMs = 10_000 } = this.#options;
    return {
      [oauth.customFetch]: (url: string, init: unknown) =>
        fetchWhole(fetch, { url, init: init as RequestInit }, { timeoutMs, maxBytes: MAX_ANSWER_BYTES }),
      // Refused by the library anywhere else, and only ever for machines that are their own network.
      [oauth.allowInsecureRequests]: isThisMachine(new URL(client.tokenEndpoint).hostname),
    };
  }

  async #refresh(grant: OAuthGrant & { type: "refresh_token" }): Promise<oauth.TokenEndpointResponse> {
    const how = { ...this.#how(), additionalParameters: { ...grant.parameters } };
    const before = await grant.token.load();
    const response = await oauth.refreshTokenGrantRequest(...this.#to(), before, how);
    const answer = await oauth.processRefreshTokenResponse(this.#server, this.#client, response, ANY_TYPE);
    const { refresh_token: after } = answer;
    if (after !== undefined && after !== before) await grant.token.save(after);
    return answer;
  }

  async #exchange(grant: OAuthGrant & { type: "token_exchange" }): Promise<oauth.TokenEndpointResponse> {
    const parameters = {
      ...grant.parameters,
      subject_token: grant.subjectToken(),
      subject_token_type: grant.subjectTokenType ?? ACCESS_TOKEN,
    };
    const response = await oauth.genericTokenEndpointRequest(...this.#to(), TOKEN_EXCHANGE, parameters, this.#how());
    return await oauth.processGenericTokenEndpointResponse(this.#server, this.#client, response, ANY_TYPE);
  }
}

function hostOf({ tokenEndpoint }: OAuthClient): string {
  return new URL(tokenEndpoint).host;
}

/** RFC 6749 §7.1: a type that the client does not know must not be used. @param type in lower case */
function mustBeBearer(type: string, client: OAuthClient): void {
  if (type === "bearer") return;
  const found = ERROR_CODE.test(type) ? type : "whose name is none";
  throw new Error(`asking ${hostOf(client)} for a token: found one of the type ${found}, want Bearer (RFC 6749 §7.1)`);
}

/** The message of a refusal names its code and nothing the server wrote: that may quote the credential. */
function explain(error: unknown, client: OAuthClient): Error {
  const host = hostOf(client);
  if (error instanceof oauth.ResponseBodyError) {
    const said = ERROR_CODE.test(error.error) ? error.error : "an error whose code is none";
    const message = `asking ${host} for a token: it answered ${said}`;
    return FINAL.has(error.error) ? new CredentialRejectedError(message) : new Error(message);
  }
  const found = error instanceof AnswerFault ? error.message : error instanceof Error ? errorName(error) : "an error";
  return new Error(`asking ${host} for a token: found ${found}, want an answer of RFC 6749 §5.1`);
}

/** @throws TypeError on a token endpoint that is no URL */
export function oauthCredential(options: OAuthOptions): CredentialSource {
  const { timers, client, values, lifetimeMs = Infinity } = options;
  const request = new TokenRequest(options);
  return new CachedCredential(async () => {
    const askedAtMs = timers.now();
    const { access_token, token_type, expires_in } = await request.run().catch((error) => {
      throw explain(error, client);
    });
    mustBeBearer(token_type, client);
    // No field could carry it: every request would fail by it until it ends.
    if (!ACCESS_TOKEN_TEXT.test(access_token)) {
      throw new Error(`asking ${hostOf(client)} for a token: found one with characters that none has (RFC 6749 §A.12)`);
    }
    const expiresAtMs = askedAtMs + (expires_in === undefined ? lifetimeMs : expires_in * 1000);
    return { values: values(access_token), expiresAtMs };
  }, timers);
}

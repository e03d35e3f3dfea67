// Principals by asking the authorization server about the token: OAuth 2.0 Token Introspection (RFC 7662).
// Fails closed: only `active: true` with a subject proves anybody, and an endpoint that cannot be asked is a 503.
// The `Authenticator` remembers answers by the token's digest, asks once for many requests with one token, and bounds
// both; this source bounds how long an answer may be believed.
import * as oauth from "oauth4webapi";
import type { MaybePromise } from "../../store/store.ts";
import { MAX_TOKEN_LENGTH, readBearerToken, TOKEN_FIELDS, tokenSyntaxProblem } from "../bearer_token.ts";
import type { CredentialView, Identification, VerifyingSource } from "../principal.ts";
import { checkEndpoint, Endpoint, EndpointFault, type EndpointOptions, readJsonOnce } from "./endpoint.ts";
import { type IntrospectionRules, judgeIntrospection } from "./introspection_answer.ts";

/** How Signet shows the authorization server who is asking. Made by the functions below; prints no secret. */
export interface ClientCredentials {
  readonly clientId: string;
  readonly authenticate: oauth.ClientAuth;
}

/** RFC 6749 §2.3.1, in the Authorization field. @throws RangeError if either is blank */
export function clientSecretBasic(clientId: string, secret: string): ClientCredentials {
  requireText("client id", clientId);
  requireText("client secret", secret);
  return { clientId, authenticate: oauth.ClientSecretBasic(secret) };
}

/** RFC 6749 §2.3.1, in the body: for servers that know nothing better. @throws RangeError if either is blank */
export function clientSecretPost(clientId: string, secret: string): ClientCredentials {
  requireText("client id", clientId);
  requireText("client secret", secret);
  return { clientId, authenticate: oauth.ClientSecretPost(secret) };
}

export interface IntrospectionOptions extends IntrospectionRules, EndpointOptions {
  /** The introspection endpoint's URL. */
  readonly endpoint: string;
  readonly client: ClientCredentials;
  /** Longest token asked about, in characters. Default 8,192. */
  readonly maxTokenLength?: number;
  /** Allows `http:`. Tokens and the client's secret then travel in the clear, and anybody on the way can vouch. */
  readonly unsafeHttp?: boolean;
}

const REMEDY = "See that the introspection endpoint is up, and takes Signet's client credentials.";

export class IntrospectionSource implements VerifyingSource {
  readonly name = "introspection";
  readonly fields = TOKEN_FIELDS;
  readonly #options: IntrospectionOptions;
  readonly #endpoint: Endpoint;
  readonly #server: oauth.AuthorizationServer;

  /** @throws RangeError for an endpoint that cannot be used */
  constructor(options: IntrospectionOptions) {
    const url = checkEndpoint(options.endpoint, {
      what: "introspection endpoint",
      http: options.unsafeHttp ? "unsafe" : "never",
    });
    this.#options = options;
    this.#endpoint = new Endpoint(url, options);
    this.#server = { issuer: options.issuer ?? new URL(url).origin, introspection_endpoint: url };
  }

  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, this.#options.maxTokenLength ?? MAX_TOKEN_LENGTH);
  }

  verify(token: string, nowMs: number): MaybePromise<Identification> {
    return tokenSyntaxProblem(token) ?? this.#ask(token, nowMs);
  }

  identify(view: CredentialView, nowMs: number): MaybePromise<Identification> {
    const credential = this.credential(view);
    return typeof credential === "string" ? this.verify(credential, nowMs) : credential;
  }

  async #ask(token: string, nowMs: number): Promise<Identification> {
    let answer: oauth.IntrospectionResponse;
    try {
      answer = await this.#introspect(token, nowMs);
    } catch (fault) {
      throw this.#endpoint.unavailable(fault, REMEDY);
    }
    return judgeIntrospection(answer, this.#options, nowMs);
  }

  async #introspect(token: string, nowMs: number): Promise<oauth.IntrospectionResponse> {
    const { client } = this.#options;
    const metadata: oauth.Client = { client_id: client.clientId };
    const response = await oauth.introspectionRequest(this.#server, metadata, client.authenticate, token, {
      additionalParameters: { token_type_hint: "access_token" },
      [oauth.allowInsecureRequests]: this.#options.unsafeHttp ?? false,
      [oauth.customFetch]: (_url, init) => this.#endpoint.send(init as RequestInit, nowMs),
    });
    if (response.status !== 200) throw new EndpointFault(`it answers with status ${response.status}`);
    // Signed answers (RFC 9701) were not asked for, and would have to be verified.
    if (!/^application\/json\s*(;|$)/i.test(response.headers.get("content-type") ?? "")) {
      throw new EndpointFault("its answer is not application/json");
    }
    const answer = await readJsonOnce(response.clone());
    await oauth.processIntrospectionResponse(this.#server, metadata, response);
    // The very text that has been judged, by a parser that takes no name for another (`platform/json.ts`).
    return answer as oauth.IntrospectionResponse;
  }
}

function requireText(what: string, value: string): void {
  if (value.trim() === "") throw new RangeError(`setting up token introspection: found a blank ${what}`);
}

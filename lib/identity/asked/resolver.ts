// Principals by asking an endpoint of the operator: it gets a request's method, path and chosen header fields, and
// answers with a principal or refuses (docs/behaviour.md I1). Nothing is sent that was not chosen: no other field, no
// query, no body. Fails closed. The `Authenticator` remembers answers by the digest of what was sent.
import { SignetError } from "../../errors.ts";
import type { MaybePromise } from "../../store/store.ts";
import { malformed, NONE, refused } from "../identifications.ts";
import type { CredentialView, Identification, VerifyingSource } from "../principal.ts";
import { checkEndpoint, Endpoint, EndpointFault, type EndpointOptions, readJsonOnce } from "./endpoint.ts";
import { readResolved } from "./resolver_answer.ts";

/** What a resolver needs to see of a request, besides its fields. */
export interface ResolverView extends CredentialView {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

export interface ResolverOptions extends EndpointOptions {
  /** Where the question is POSTed: `https:`, or `http:` on loopback. */
  readonly endpoint: string;
  /**
   * Names of the fields it gets, any letter case, at least one. A request with none of them is none of its business.
   */
  readonly headers: readonly string[];
  /**
   * Whether a field, by its lower-case name, is believed of a peer, by its address; one that is not is not told.
   * Default: all.
   */
  readonly believes?: (name: string, remoteAddress: string) => boolean;
  /** Longest time an answer is believed, in ms. Default 30,000. */
  readonly maxAgeMs?: number;
  /** Longest question, in characters. Default 16,384. */
  readonly maxQuestionLength?: number;
  /** Allows `http:` beyond loopback. Credentials then travel in the clear, and anybody on the way can vouch. */
  readonly unsafeHttp?: boolean;
}

const DEFAULT_MAX_AGE_MS = 30_000;
const DEFAULT_MAX_QUESTION_LENGTH = 16_384;
/** RFC 9110 §5.6.2, token. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const REMEDY = "See that the resolver is up, and answers 200 with a principal, or 401 or 403.";

const REFUSED = refused("the resolver refuses the caller");
const REPEATED = malformed("a header field the resolver needs is sent more than once");
const TOO_LONG = malformed("the header fields the resolver needs are longer than is looked at here");

// Its answers depend on method and path as well: so no `fields`, and nobody may remember them by fields alone.
export class ResolverSource implements VerifyingSource {
  readonly name = "resolver";
  readonly #headers: readonly string[];
  readonly #endpoint: Endpoint;
  readonly #believes: ResolverOptions["believes"];
  readonly #maxAgeMs: number;
  readonly #maxQuestionLength: number;

  /** @throws RangeError for an endpoint or field names that cannot be used */
  constructor(options: ResolverOptions) {
    const url = checkEndpoint(options.endpoint, {
      what: "resolver endpoint",
      http: options.unsafeHttp ? "unsafe" : "loopback",
    });
    this.#headers = [...new Set(options.headers.map((name) => name.toLowerCase()))].sort();
    const bad = this.#headers.find((name) => !FIELD_NAME.test(name));
    if (bad !== undefined) {
      throw new RangeError(`setting up the resolver: found ${JSON.stringify(bad)}, want the name of a header field`);
    }
    if (this.#headers.length === 0) {
      throw new RangeError("setting up the resolver: found no header field for it, want at least one");
    }
    this.#endpoint = new Endpoint(url, options);
    this.#believes = options.believes;
    this.#maxAgeMs = options.maxAgeMs ?? DEFAULT_MAX_AGE_MS;
    this.#maxQuestionLength = options.maxQuestionLength ?? DEFAULT_MAX_QUESTION_LENGTH;
  }

  /** The question as it is sent: equal requests ask equal questions. */
  credential(view: ResolverView): string | Identification {
    // Sources are called with any view: one that cannot tell what was asked for must not pass for a question about
    // nothing.
    if (typeof view.method !== "string" || typeof view.path !== "string") {
      throw new SignetError("internal", { facts: { reason: "the resolver was given no method and path" } });
    }
    const headers: Record<string, string> = {};
    let length = 0;
    for (const name of this.#headers) {
      const count = view.count(name);
      if (count === 0 || this.#believes?.(name, view.remoteAddress) === false) continue;
      if (count > 1) return REPEATED;
      const value = view.get(name) ?? "";
      headers[name] = value;
      length += value.length;
    }
    // As long as its parts at least: what is far too long is not even put together.
    if (length > this.#maxQuestionLength) return TOO_LONG;
    if (Object.keys(headers).length === 0) return NONE;
    const question = JSON.stringify({ method: view.method, path: view.path, headers });
    return question.length > this.#maxQuestionLength ? TOO_LONG : question;
  }

  async verify(question: string, nowMs: number): Promise<Identification> {
    try {
      const response = await this.#endpoint.send({
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: question,
      }, nowMs);
      if (response.status === 401 || response.status === 403) return REFUSED;
      if (response.status !== 200) throw new EndpointFault(`it answers with status ${response.status}`);
      const principal = readResolved(await readJsonOnce(response), { nowMs, maxAgeMs: this.#maxAgeMs });
      return principal ? { kind: "principal", principal } : REFUSED;
    } catch (fault) {
      throw this.#endpoint.unavailable(fault, REMEDY);
    }
  }

  identify(view: ResolverView, nowMs: number): MaybePromise<Identification> {
    const question = this.credential(view);
    return typeof question === "string" ? this.verify(question, nowMs) : question;
  }
}

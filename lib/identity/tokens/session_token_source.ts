// Principals by Signet's own session tokens (docs/behaviour.md I1, T2): whoever presents one is the agent it names.
// Never remembered by others: the record is looked up on every request, so that revoking takes effect on the next one.
import { LruMap } from "../../platform/memory/lru_map.ts";
import { failClosed } from "../../store/fail_closed.ts";
import type { MaybePromise } from "../../store/store.ts";
import { MAX_TOKEN_LENGTH, readBearerToken } from "../bearer_token.ts";
import { NONE, refused } from "../identifications.ts";
import type { CredentialView, Identification, Principal, PrincipalSource } from "../principal.ts";
import type { SessionTokens, TokenFacts, TokenVerdict } from "./tokens.ts";

const SESSION_TOKEN_ISSUER = "signet:token";

type Verifying = Pick<SessionTokens, "verify" | "holds">;

export interface SessionTokenSourceOptions {
  /**
   * True where no source after this one reads bearer tokens: then one that is not ours is refused here, lest it be
   * taken for no credential at all (I3). Default false.
   */
  readonly refuseForeign?: boolean;
  /** Principals kept, so that a caller is the same object again and again. Default 10,000. */
  readonly maxRemembered?: number;
}

// `{"sid":"` in base64url, as far as whole characters go: every token of ours begins so, and hardly any other thing
// does.
const OURS = /^eyJzaWQiOi[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/;
const REFUSED = refused("the session token does not hold");
const FOREIGN = refused("the bearer token is not a session token");

/**
 * Whether a bearer token is one of ours by its looks; only then does it have to hold. A JWT, having two dots, is not.
 */
export function looksLikeSessionToken(token: string): boolean {
  return OURS.test(token);
}

export class SessionTokenSource implements PrincipalSource {
  readonly name = "token";
  readonly takesBearer = true;
  readonly #tokens: Verifying;
  readonly #principals: LruMap<Principal>;
  /** What of its token is looked at again, where somebody remembers the principal. */
  readonly #facts = new WeakMap<Principal, TokenFacts>();
  readonly #foreign: Identification;

  constructor(tokens: Verifying, options: SessionTokenSourceOptions = {}) {
    this.#tokens = tokens;
    this.#foreign = options.refuseForeign ? FOREIGN : NONE;
    this.#principals = new LruMap({ max: options.maxRemembered ?? 10_000 });
  }

  get remembered(): number {
    return this.#principals.size;
  }

  identify(view: CredentialView, nowMs: number): MaybePromise<Identification> {
    const token = readBearerToken(view, MAX_TOKEN_LENGTH);
    if (typeof token !== "string") return token;
    if (!looksLikeSessionToken(token)) return this.#foreign;
    try {
      const verdict = this.#tokens.verify(token, undefined, { nowMs });
      return verdict instanceof Promise ? verdict.then((late) => this.#answer(late), unread) : this.#answer(verdict);
    } catch (fault) {
      return unread(fault);
    }
  }

  holds(principal: Principal): MaybePromise<boolean> {
    const facts = this.#facts.get(principal);
    if (facts === undefined) return false;
    try {
      const answer = this.#tokens.holds(facts);
      return answer instanceof Promise ? answer.catch(unread) : answer;
    } catch (fault) {
      return unread(fault);
    }
  }

  #answer(verdict: TokenVerdict): Identification {
    if (!verdict.ok) return REFUSED;
    return { kind: "principal", principal: this.#principalOf(verdict.token) };
  }

  #principalOf(token: TokenFacts): Principal {
    const { sid, agent, expiresAtS } = token;
    const known = this.#principals.get(sid);
    if (known && known.subject === agent && known.expiresAtMs === expiresAtS * 1000) return known;
    const principal: Principal = {
      source: this.name,
      issuer: SESSION_TOKEN_ISSUER,
      subject: agent,
      scopes: [],
      expiresAtMs: expiresAtS * 1000,
    };
    this.#principals.set(sid, principal);
    this.#facts.set(principal, { sid, agent, expiresAtS });
    return principal;
  }
}

function unread(fault: unknown): never {
  return failClosed(fault, "The store of session tokens cannot be reached");
}

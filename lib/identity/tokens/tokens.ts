// Signet's own session tokens: issued to an agent, signed, recorded, limited in number and time (docs/behaviour.md
// T1–T4). A token holds only while its record does, so revoking is removing. Verification follows T2's order to the
// letter.
import { Buffer } from "node:buffer";
import { SignetError } from "../../errors.ts";
import { LruMap } from "../../platform/memory/lru_map.ts";
import { hash, timingSafeEqual } from "../../platform/runtime/builtin.ts";
import {
  type InsertOutcome,
  type MaybePromise,
  type TokenRecord,
  type TokenStore,
  whenReady,
} from "../../store/store.ts";
import { TokenLimitError, type TokenStep } from "./tokens_error.ts";
import {
  decodePayload,
  encodePayload,
  joinToken,
  splitToken,
  type TokenParts,
  type TokenPayload,
} from "./tokens_form.ts";
import type { TokenSecret } from "./tokens_secret.ts";

const MIN_TTL_MS = 1_000;
const MAX_AGENT_LENGTH = 512;
const SID_BYTES = 16;
/** Signed payloads remembered, so that a caller's every request need not be signed and parsed again. */
const MAX_REMEMBERED = 10_000;
/** The last moment a `Date` can name (ECMA-262 §21.4.1.1): whatever lies behind it is an overflow, not a time. */
const MAX_EXPIRES_AT_S = 8_640_000_000_000;

export interface SessionTokensOptions {
  readonly store: TokenStore;
  /** The first signs; each verifies, so that a secret can be replaced without ending every token. */
  readonly secrets: readonly TokenSecret[];
  /** Live tokens an agent may have, 1 or more. */
  readonly maxPerAgent: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** That many unpredictable bytes. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** A token just issued: the only time its text is known here. */
export interface IssuedToken extends TokenFacts {
  readonly token: string;
}

/** What may be shown of a token. */
export interface TokenFacts {
  readonly sid: string;
  readonly agent: string;
  /** Seconds since the epoch. */
  readonly expiresAtS: number;
}

/** The outcome of T2: the token's facts, or the first step that failed. */
export type TokenVerdict =
  | { readonly ok: true; readonly token: TokenFacts }
  | { readonly ok: false; readonly step: TokenStep };

export class SessionTokens {
  readonly #options: SessionTokensOptions;
  readonly #signer: TokenSecret;
  /**
   * Digest of a token → its payload: tokens whose form, signature and payload hold, as they do for ever. Whether one is
   * expired, recorded and the agent's own is looked at every time. A forged token never gets in.
   */
  readonly #signed = new LruMap<TokenPayload>({ max: MAX_REMEMBERED });

  /** @throws RangeError without a secret, or at a limit that is not a whole number ≥ 1 (T4) */
  constructor(options: SessionTokensOptions) {
    const signer = options.secrets[0];
    if (!signer) throw new RangeError("signing session tokens: found no secret, want at least one");
    if (!Number.isSafeInteger(options.maxPerAgent) || options.maxPerAgent < 1) {
      throw new RangeError(
        `limiting session tokens: found ${options.maxPerAgent} for each agent, want a whole number ≥ 1`,
      );
    }
    this.#options = options;
    this.#signer = signer;
  }

  /** Signed payloads held in memory, for a metric. */
  get remembered(): number {
    return this.#signed.size;
  }

  /**
   * Issues a token that lives for `ttlMs`, rounded up to a whole second.
   * @throws SignetError `invalid_params` for an agent or TTL that cannot be (T4), `session_limit` for a full store
   * @throws TokenLimitError at the agent's limit
   * @throws StoreError
   */
  issue(request: { readonly agent: string; readonly ttlMs: number }): MaybePromise<IssuedToken> {
    const { store, maxPerAgent, now, randomBytes } = this.#options;
    const { agent } = request;
    requireAgent(agent);
    const nowMs = now();
    const expiresAtS = expiryOf(request.ttlMs, nowMs);
    const sid = Buffer.from(randomBytes(SID_BYTES)).toString("base64url");
    const signed = encodePayload({ sid, aid: agent, exp: expiresAtS });
    const token = joinToken(signed, this.#signer.mac(signed));
    const record: TokenRecord = { sid, agent, expiresAtS, digest: digestOf(token), issuedAtMs: nowMs };
    const settle = (outcome: InsertOutcome): IssuedToken => {
      if (outcome.inserted) return { token, sid, agent, expiresAtS };
      if (outcome.reason === "agent_limit") throw new TokenLimitError(agent, maxPerAgent);
      throw new SignetError("session_limit", {
        publicMessage: "Too many session tokens",
        remedy: "Revoke some, wait until some expire, or configure a state file.",
      });
    };
    return whenReady(store.insertBelowLimit(record, { limit: maxPerAgent, nowMs }), settle);
  }

  /**
   * T2, as a value since bad tokens are nothing rare. Without `agent`, whoever the token names; as of now, unless a moment
   * is named. @throws StoreError
   */
  verify(token: string, agent?: string, { nowMs = this.#options.now() } = {}): MaybePromise<TokenVerdict> {
    const digest = digestOf(token);
    let payload = this.#signed.get(digest);
    if (!payload) {
      const parts = splitToken(token);
      if (!parts) return failed("form");
      if (!this.#isSigned(parts)) return failed("mac");
      payload = decodePayload(parts.signed);
      if (!payload) return failed("payload");
      this.#signed.set(digest, payload);
    }
    const { sid, aid, exp } = payload;
    if (agent !== undefined && !equalTexts(aid, agent)) return failed("agent");
    // By this clock alone, which may be ahead of other replicas': its record is the purge's, which the store's own clock bears out.
    if (nowMs >= exp * 1000) return failed("expired");
    const wanted = { sid, agent: aid, expiresAtS: exp };
    return whenReady(this.#options.store.get(sid), (record) => matchRecord(wanted, digest, record));
  }

  /** Whether a token that was verified holds still: it has not expired, and its record is there. @throws StoreError */
  holds({ sid, agent, expiresAtS }: TokenFacts): MaybePromise<boolean> {
    const { store, now } = this.#options;
    if (now() >= expiresAtS * 1000) return false;
    return whenReady(store.get(sid), (record) => record?.agent === agent && record.expiresAtS === expiresAtS);
  }

  /** Whether there was one to revoke; revoking again is no error (T3). @throws StoreError */
  revoke(sid: string): MaybePromise<boolean> {
    return this.#options.store.remove(sid);
  }

  /** The same by the token itself; one that was not issued with our secrets revokes nothing. @throws StoreError */
  revokeToken(token: string): MaybePromise<boolean> {
    const parts = splitToken(token);
    const payload = parts && this.#isSigned(parts) ? decodePayload(parts.signed) : undefined;
    return payload ? this.revoke(payload.sid) : false;
  }

  /** How many live ones there were. @throws StoreError */
  revokeAgent(agent: string): MaybePromise<number> {
    return this.#options.store.removeAgent(agent, this.#options.now());
  }

  /** Live tokens of an agent. @throws StoreError */
  count(agent: string): MaybePromise<number> {
    return this.#options.store.count(agent, this.#options.now());
  }

  /** Live tokens by `sid`, a page at a time: `afterSid` is the last of the page before. @throws StoreError */
  list(
    query: { readonly agent?: string; readonly afterSid?: string; readonly limit: number },
  ): MaybePromise<readonly TokenFacts[]> {
    const records = this.#options.store.list({ ...query, nowMs: this.#options.now() });
    return whenReady(records, (found) => found.map(({ sid, agent, expiresAtS }) => ({ sid, agent, expiresAtS })));
  }

  /** Every secret is tried, so that the time taken does not tell which one fits. */
  #isSigned(parts: TokenParts): boolean {
    let holds = false;
    for (const secret of this.#options.secrets) {
      if (timingSafeEqual(secret.mac(parts.signed), parts.mac)) holds = true;
    }
    return holds;
  }
}

function failed(step: TokenStep): TokenVerdict {
  return { ok: false, step };
}

function matchRecord(token: TokenFacts, digest: string, record: TokenRecord | undefined): TokenVerdict {
  if (!record) return failed("unknown");
  const equal = record.sid === token.sid && equalTexts(record.agent, token.agent) &&
    record.expiresAtS === token.expiresAtS && equalTexts(record.digest, digest);
  return equal ? { ok: true, token } : failed("record");
}

function digestOf(token: string): string {
  return hash("sha256", token, "base64url");
}

function equalTexts(a: string, b: string): boolean {
  const left = Buffer.from(a, "utf8");
  const right = Buffer.from(b, "utf8");
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A name that stays one name wherever it is shown, hashed or sent on in a header. */
function requireAgent(agent: string): void {
  const problem = agent.trim() === ""
    ? "is blank"
    : agent !== agent.trim()
    ? "begins or ends with a blank"
    : agent.length > MAX_AGENT_LENGTH
    ? `has more than ${MAX_AGENT_LENGTH} characters`
    : !agent.isWellFormed() || /\p{Cc}/u.test(agent)
    ? "holds a control character or a lone surrogate"
    : undefined;
  if (problem === undefined) return;
  throw new SignetError("invalid_params", {
    publicMessage: `No token was issued: the agent's name ${problem}`,
    remedy: `Give it 1 to ${MAX_AGENT_LENGTH} characters that can be seen, without blanks at its ends.`,
  });
}

function expiryOf(ttlMs: number, nowMs: number): number {
  const expiresAtS = Math.ceil((nowMs + ttlMs) / 1000);
  if (!(ttlMs >= MIN_TTL_MS) || !(expiresAtS <= MAX_EXPIRES_AT_S)) {
    throw new SignetError("invalid_params", {
      publicMessage: "No token was issued: its time to live must be at least 1 s, and its end a date",
      remedy: "Give it a time such as 1h.",
    });
  }
  return expiresAtS;
}

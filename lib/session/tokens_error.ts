// Why a session token does not hold. One class for each step of T2, told apart inside only: outside all are the same 401.
import { SignetError } from "../errors.ts";

/** The steps of T2 in their order; also a bounded set of metric labels. */
export const TOKEN_STEPS = ["form", "mac", "payload", "agent", "expired", "unknown", "record"] as const;
export type TokenStep = (typeof TOKEN_STEPS)[number];

/** A token was presented and does not hold. Never quotes it. */
export abstract class TokenError extends SignetError {
  abstract readonly step: TokenStep;

  constructor(reason: string) {
    super("unauthenticated", { facts: { reason }, remedy: "Issue a new token." });
  }
}

/** Not `base64url.base64url` with a signature of 32 bytes, or too long. */
export class TokenFormError extends TokenError {
  readonly step = "form";
}

/** Signed with no secret known here. */
export class TokenMacError extends TokenError {
  readonly step = "mac";
}

/** Signed by us, and yet not `{sid, aid, exp}`. */
export class TokenPayloadError extends TokenError {
  readonly step = "payload";
}

/** Another agent's. */
export class TokenAgentError extends TokenError {
  readonly step = "agent";
}

/** `now >= exp`. Its record is gone with it. */
export class TokenExpiredError extends TokenError {
  readonly step = "expired";
}

/** No record of it: revoked, or issued into another store. */
export class TokenUnknownError extends TokenError {
  readonly step = "unknown";
}

/** The record says something else than the token. */
export class TokenRecordError extends TokenError {
  readonly step = "record";
}

const BY_STEP: Record<TokenStep, () => TokenError> = {
  form: () => new TokenFormError("the session token is not of a token's form"),
  mac: () => new TokenMacError("the session token's signature does not hold"),
  payload: () => new TokenPayloadError("the session token's payload is not that of a token"),
  agent: () => new TokenAgentError("the session token names another agent"),
  expired: () => new TokenExpiredError("the session token has expired"),
  unknown: () => new TokenUnknownError("the session token has been revoked or was not issued here"),
  record: () => new TokenRecordError("the session token and its record do not agree"),
};

export function tokenError(step: TokenStep): TokenError {
  return BY_STEP[step]();
}

/** No token was issued: the agent has as many as it may. For whoever issues, so it says whom and how many (T1). */
export class TokenLimitError extends SignetError {
  readonly agent: string;
  readonly limit: number;

  constructor(agent: string, limit: number) {
    super("principal_limit", {
      publicMessage: `The agent has ${limit} session tokens already, which is the limit`,
      facts: { limit },
      remedy: "Revoke one, wait until one expires, or raise the limit.",
    });
    this.agent = agent;
    this.limit = limit;
  }
}

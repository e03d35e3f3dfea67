// Why a session token does not hold, told apart inside only: outside all are the same 401; and why none is issued.
import { SignetError } from "../../errors.ts";

/** The step of T2 that failed, in their order. */
export type TokenStep = "form" | "mac" | "payload" | "agent" | "expired" | "unknown" | "record";

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

// What operators can do to a running Signet, or to its state file: session tokens, and ending sessions before their time.
// The admin listener offers it as an API (lib/admin/control_api.ts), the command line uses either.

/** What may be shown of a session token. */
export interface TokenView {
  readonly sid: string;
  readonly agent: string;
  /** Seconds since the epoch. */
  readonly expiresAtS: number;
}

/** What may be shown of a live session. */
export interface SessionView {
  /** Short hash of the sid, as in logs: names the session to `revoke`. */
  readonly hash: string;
  readonly protocolVersion: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly lastActiveMs: number;
  readonly inFlight: number;
}

/** What to revoke; times in ms since the epoch, inclusive. */
export type RevocationRequest =
  | { readonly kind: "session"; readonly id: string }
  /** Of a live session only: a hash cannot be turned back into an id. */
  | { readonly kind: "hash"; readonly hash: string }
  | {
    readonly kind: "principal";
    readonly issuer: string;
    readonly subject: string;
    readonly clientId?: string;
    readonly beforeMs: number;
  }
  | { readonly kind: "before"; readonly beforeMs: number };

/** How many live sessions it ended at once; others end when they are next used. */
export interface RevocationResult {
  readonly ended: number;
}

/** @throws SignetError or StoreError from every method; each takes effect before it resolves */
export interface Control {
  issueToken(request: { agent: string; ttlMs: number }): Promise<TokenView & { readonly token: string }>;
  /** The token's facts, or which step of T2 failed. */
  verifyToken(request: { token: string; agent?: string }): Promise<
    { readonly ok: true; readonly token: TokenView } | { readonly ok: false; readonly step: string }
  >;
  revokeToken(request: { sid: string } | { token: string }): Promise<boolean>;
  revokeAgent(agent: string): Promise<number>;
  listTokens(query: { agent?: string; afterSid?: string; limit: number }): Promise<readonly TokenView[]>;
  listSessions(query: { limit: number }): Promise<readonly SessionView[]>;
  revoke(request: RevocationRequest): Promise<RevocationResult>;
}

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
  /** The owner's fingerprint, as `signet inspect` shows it: the same for all sessions of one caller under one key. */
  readonly owner: string;
  readonly protocolVersion: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly lastActiveMs: number;
  /** Calls and streams. */
  readonly inFlight: number;
  readonly streams: number;
  /** Whose it is, as the credential says; only to whoever asks for names and may. */
  readonly caller?: CallerView;
}

/** A caller by name. Whatever is in it came from outside. */
export interface CallerView {
  readonly issuer: string;
  readonly subject: string;
  /** Where sessions are bound to the OAuth client as well. */
  readonly clientId?: string;
}

export interface SessionQuery {
  /** 1 or more. */
  readonly limit: number;
  /** How many to pass over. Default 0. */
  readonly offset?: number;
  /** Only those whose hash, or owner's fingerprint, begins so; with names, those whose subject holds it, too. */
  readonly find?: string;
  /** Whether callers are named. Default: no. */
  readonly names?: boolean;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  /** How many there are that are meant. */
  readonly total: number;
}

/** What to revoke; times in ms since the epoch, inclusive, not in the future. */
export type RevocationRequest =
  | { readonly kind: "session"; readonly id: string }
  /** Of a live session only: a hash cannot be turned back into an id. */
  | { readonly kind: "hash"; readonly hash: string }
  /** Everything that the owner of a live session has opened until now. */
  | { readonly kind: "owner_of"; readonly hash: string }
  /** Everything an owner has opened at or before a moment; without one, until now. */
  | {
    readonly kind: "principal";
    readonly issuer: string;
    readonly subject: string;
    /**
     * Only where sessions are bound to the OAuth client as well (`--bind-client-id`), and then wanted, as each client of a
     * person is an owner of its own; blank for credentials that name no client.
     */
    readonly clientId?: string;
    readonly beforeMs?: number;
  }
  | { readonly kind: "before"; readonly beforeMs: number }
  /** Everything until now. */
  | { readonly kind: "all" };

/** How many live sessions it ended at once; others end when they are next used. */
export interface RevocationResult {
  readonly ended: number;
}

/** @throws SignetError or StoreError from every method; each takes effect before it resolves */
export interface Control {
  issueToken(request: { readonly agent: string; readonly ttlMs: number }): Promise<IssuedTokenView>;
  /** The token's facts, or which step of T2 failed. */
  verifyToken(request: { readonly token: string; readonly agent?: string }): Promise<TokenVerdictView>;
  /** Whether there was one; revoking again is no error (T3). */
  revokeToken(request: { readonly sid: string } | { readonly token: string }): Promise<boolean>;
  /** How many there were. */
  revokeAgent(agent: string): Promise<number>;
  /** Live tokens by `sid`, a page at a time: `afterSid` is the last of the page before. */
  listTokens(query: TokenQuery): Promise<readonly TokenView[]>;
  listSessions(query: SessionQuery): Promise<SessionPage>;
  revoke(request: RevocationRequest): Promise<RevocationResult>;
}

/** The only time the token itself is shown. */
export interface IssuedTokenView extends TokenView {
  readonly token: string;
}

export type TokenVerdictView =
  | { readonly ok: true; readonly token: TokenView }
  | { readonly ok: false; readonly step: string };

export interface TokenQuery {
  readonly agent?: string;
  readonly afterSid?: string;
  /** 1 or more. */
  readonly limit: number;
}

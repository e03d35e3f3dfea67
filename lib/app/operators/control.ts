// What operators can do, done: over a running Signet, or over a state file without one (docs/behaviour.md T1–T3, L6).
// Each is logged and told of when it is done.
import type {
  CallerView,
  Control,
  RevocationRequest,
  RevocationResult,
  SessionPage,
  SessionQuery,
  TokenQuery,
} from "../../admin/control.ts";
import { fingerprintOwner } from "../../envelope/owner_fingerprint.ts";
import { BEARER_ISSUER } from "../../identity/bearer.ts";
import type { SessionTokens } from "../../identity/tokens/tokens.ts";
import type { Logger } from "../../observe/log.ts";
import type { LifeEvent, Observers } from "../../observe/observers.ts";
import { shortHash } from "../../observe/redact.ts";
import { refusedOrder } from "./refused_order.ts";
import { Revoking, type RevokingOptions } from "./revoking.ts";
import { callerNamed, pageOf } from "./session_views.ts";

export interface ControlOptions extends RevokingOptions {
  /** Undefined where no secret of session tokens is configured. */
  readonly tokens: SessionTokens | undefined;
  /** Told what was done, never to whom. */
  readonly log?: Logger;
  readonly observers?: Observers;
}

/** Tells which sessions a revocation has ended: several workers may have held the same one. */
export interface NamingControl extends Control {
  /** @returns their hashes */
  revokeEach(request: RevocationRequest): Promise<readonly string[]>;
}

export function createControl(options: ControlOptions): NamingControl {
  return new AppControl(options);
}

class AppControl implements NamingControl {
  readonly #options: ControlOptions;
  readonly #revoking: Revoking;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#revoking = new Revoking(options);
  }

  async issueToken(request: { readonly agent: string; readonly ttlMs: number }) {
    const issued = await this.#tokens().issue(request);
    const token = shortHash(issued.sid);
    this.#options.log?.info("session token issued", { token });
    this.#tell({ event: "token.issue", token, agent: request.agent });
    return issued;
  }

  async verifyToken({ token, agent }: { readonly token: string; readonly agent?: string }) {
    return await this.#tokens().verify(token, agent);
  }

  async revokeToken(request: { readonly sid: string } | { readonly token: string }) {
    const tokens = this.#tokens();
    const revoked = await ("sid" in request ? tokens.revoke(request.sid) : tokens.revokeToken(request.token));
    if (revoked) this.#options.log?.info("session tokens revoked", { count: 1 });
    const token = "sid" in request ? shortHash(request.sid) : undefined;
    this.#tell({ event: "token.revoke", what: "token", token, count: revoked ? 1 : 0 });
    return revoked;
  }

  async revokeAgent(agent: string) {
    const count = await this.#tokens().revokeAgent(agent);
    this.#options.log?.info("session tokens revoked", { count });
    this.#tell({ event: "token.revoke", what: "agent", agent, count });
    return count;
  }

  async listTokens(query: TokenQuery) {
    return await this.#tokens().list(query);
  }

  // deno-lint-ignore require-await -- so that a refusal is a rejection
  async listSessions(query: SessionQuery): Promise<SessionPage> {
    return pageOf(this.#revoking.live("Listing sessions").sessions(), query);
  }

  async revoke(request: RevocationRequest): Promise<RevocationResult> {
    return { ended: (await this.revokeEach(request)).length };
  }

  async revokeEach(request: RevocationRequest): Promise<readonly string[]> {
    // Known while it lives.
    const [whose] = request.kind === "owner_of" ? this.#revoking.withHash(request.hash).map(callerNamed) : [];
    const ended = await this.#revoking.revoke(request);
    this.#options.log?.info("sessions revoked", { what: request.kind, ended: ended.length });
    this.#tell({
      event: "session.revoke",
      what: request.kind,
      ...("hash" in request ? { session: request.hash } : {}),
      ...(whose === undefined ? {} : { subject: this.#subjectOf(whose) }),
      ...(request.kind === "principal" ? { subject: this.#subjectOf(request) } : {}),
      count: ended.length,
    });
    return ended;
  }

  /** The operator is who holds the admin token, or the machine: more is not known of him. */
  #tell(event: Omit<LifeEvent, "atMs">): void {
    const { observers, now } = this.#options;
    if (observers?.watched) observers.tellEvent({ ...event, atMs: now() });
  }

  /** Whose sessions are revoked, as those who log it may name him. */
  #subjectOf({ issuer, subject, clientId }: CallerView): LifeEvent["subject"] {
    const named = { source: "operator", issuer, subject, ...(clientId === undefined ? {} : { clientId }) };
    if (issuer !== BEARER_ISSUER) return named;
    return { ...named, keyedName: fingerprintOwner(this.#options.ring().active, { issuer, subject }) };
  }

  #tokens(): SessionTokens {
    const { tokens } = this.#options;
    if (tokens !== undefined) return tokens;
    throw refusedOrder(
      "Session tokens are not configured",
      "Set --token-secret-file to the secrets they are signed with, and --principal token to accept them.",
    );
  }
}

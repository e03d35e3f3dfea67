// What operators can do, done: over a running Signet, or over a state file without one (docs/behaviour.md T1–T3, L6).
// A revocation is in force, and whoever holds sessions in memory has been told, before it resolves.
import type {
  CallerView,
  Control,
  RevocationRequest,
  RevocationResult,
  SessionPage,
  SessionQuery,
  TokenQuery,
} from "../admin/control.ts";
import type { KeyRing } from "../envelope/key_ring.ts";
import { fingerprintOwner, type OwnerFingerprint } from "../envelope/owner_fingerprint.ts";
import { openSession } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import { BEARER_ISSUER } from "../identity/bearer.ts";
import type { Principal } from "../identity/principal.ts";
import type { Logger } from "../observe/log.ts";
import type { LifeEvent, Observers } from "../observe/observers.ts";
import { shortHash } from "../observe/redact.ts";
import type { OwnerBook } from "../session/owner.ts";
import type { SessionRegistry } from "../session/registry.ts";
import type { StoredRevocations } from "../session/revocation_store.ts";
import type { Session } from "../session/session.ts";
import type { SessionTokens } from "../session/tokens.ts";
import { callerNamed, pageOf } from "./session_views.ts";

export interface ControlOptions {
  /** Undefined where no secret of session tokens is configured. */
  readonly tokens: SessionTokens | undefined;
  readonly revocations: StoredRevocations;
  /** Live sessions; undefined for a state file without a server. */
  readonly registry: SessionRegistry | undefined;
  readonly owners: OwnerBook;
  /** The ring in force. Not asked for unless ids or owners have to be known. */
  readonly ring: () => KeyRing;
  /** Longest id looked at, in characters. Default 4,096 (E7). */
  readonly maxIdLength?: number;
  /** Told what was done, never to whom. */
  readonly log?: Logger;
  readonly observers?: Observers;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Tells which sessions a revocation has ended: several workers may have held the same one. */
export interface NamingControl extends Control {
  /** @returns their hashes */
  revokeEach(request: RevocationRequest): Promise<readonly string[]>;
}

export function createControl(options: ControlOptions): NamingControl {
  return new AppControl(options);
}

const NAME_IT = "Name it as the credential does.";

type PrincipalRequest = Extract<RevocationRequest, { kind: "principal" }>;

class AppControl implements NamingControl {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
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
    return pageOf(this.#registry("Listing sessions").sessions(), query);
  }

  async revoke(request: RevocationRequest): Promise<RevocationResult> {
    return { ended: (await this.revokeEach(request)).length };
  }

  async revokeEach(request: RevocationRequest): Promise<readonly string[]> {
    // Known while it lives.
    const [whose] = request.kind === "owner_of" ? this.#withHash(request.hash).map(callerNamed) : [];
    const ended = await this.#revoke(request);
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

  async #revoke(request: RevocationRequest): Promise<readonly string[]> {
    switch (request.kind) {
      case "session":
        return await this.#revokeId(request.id);
      case "hash":
        return await this.#revokeHash(request.hash);
      case "principal":
        return await this.#revokeOwner(request);
      case "owner_of":
        return await this.#revokeOwnerOf(request.hash);
      case "before":
        return await this.#revokeBefore(request.beforeMs);
      case "all":
        return await this.#revokeAll();
    }
  }

  async #revokeId(id: string): Promise<readonly string[]> {
    const { registry, ring, maxIdLength, now, revocations } = this.#options;
    const nowMs = now();
    const live = registry?.get(id, nowMs);
    // An adopted id does not open: it is known while it is live, and only then.
    const { sid, expiresAtMs } = live ?? this.#open(id, ring(), maxIdLength);
    if (nowMs >= expiresAtMs) return [];
    return await this.#ending(
      (session) => session.sid === sid,
      () => revocations.revokeSession(sid, { nowMs, expiresAtMs }),
    );
  }

  #open(id: string, ring: KeyRing, maxLength: number | undefined): { sid: string; expiresAtMs: number } {
    const opened = openSession(ring, id, maxLength === undefined ? {} : { maxLength });
    if (opened.ok) return opened.session;
    throw new SignetError("session_not_found", {
      publicMessage: "Nothing was revoked: this is no session id of the configured keys",
      remedy: "Compare `signet keys list` with the Signet that issued it.",
    });
  }

  async #revokeHash(hash: string): Promise<readonly string[]> {
    const { now, revocations } = this.#options;
    const nowMs = now();
    const concerned = this.#withHash(hash);
    return await this.#ending((session) => concerned.includes(session), async () => {
      for (const { sid, expiresAtMs } of concerned) {
        await revocations.revokeSession(sid, { nowMs, expiresAtMs });
      }
    });
  }

  #withHash(hash: string): Session[] {
    const found = [...this.#registry("Revoking by hash").sessions()].filter(({ tag }) => tag === hash);
    if (found.length > 0) return found;
    throw new SignetError("session_not_found", {
      publicMessage: "Nothing was revoked: no live session has this hash",
      remedy: "`signet sessions` lists those there are; one that is not in memory is revoked by its id or its owner.",
    });
  }

  /** Under each key of the ring, and as it is sealed, should that be with a key that has left since. */
  async #revokeOwnerOf(hash: string): Promise<readonly string[]> {
    const { now, owners, ring, revocations } = this.#options;
    const beforeMs = now();
    const concerned = new Set<OwnerFingerprint>();
    for (const session of this.#withHash(hash)) {
      concerned.add(session.owner);
      const principal = { ...callerNamed(session), source: "operator", scopes: [], expiresAtMs: Infinity };
      for (const key of ring().keys) concerned.add(owners.fingerprint(principal, key));
    }
    return await this.#endingAll(
      ({ owner }) => concerned.has(owner),
      () => revocations.revokeOwner([...concerned], beforeMs),
    );
  }

  async #revokeOwner(request: PrincipalRequest): Promise<readonly string[]> {
    const beforeMs = this.#moment(request.beforeMs);
    const owners = this.#fingerprints(request);
    const revoke = () => this.#options.revocations.revokeOwner(owners, beforeMs);
    const isHis = ({ owner }: Session) => owners.includes(owner);
    if (request.beforeMs === undefined) return await this.#endingAll(isHis, revoke);
    return await this.#ending((session) => isHis(session) && session.issuedAtMs <= beforeMs, revoke);
  }

  /** Whose sessions are revoked, as those who log it may name him. */
  #subjectOf({ issuer, subject, clientId }: CallerView): LifeEvent["subject"] {
    const named = { source: "operator", issuer, subject, ...(clientId === undefined ? {} : { clientId }) };
    if (issuer !== BEARER_ISSUER) return named;
    return { ...named, keyedName: fingerprintOwner(this.#options.ring().active, { issuer, subject }) };
  }

  /** One under each key of the ring: whichever sealed a session, its owner is among them. */
  #fingerprints({ issuer, subject, clientId }: PrincipalRequest): OwnerFingerprint[] {
    requireName("issuer", issuer);
    requireName("subject", subject);
    const { owners, ring } = this.#options;
    if (clientId?.isWellFormed() === false) {
      throw invalid("Nothing was revoked: the client is not well-formed", NAME_IT);
    }
    const { active, keys } = ring();
    const principal: Principal = { source: "operator", issuer, subject, scopes: [], expiresAtMs: Infinity };
    const bindsClient = owners.fingerprint({ ...principal, clientId: "client" }, active) !==
      owners.fingerprint(principal, active);
    if (bindsClient && clientId === undefined) {
      throw invalid(
        "Nothing was revoked: each OAuth client of a caller is an owner of its own here, and none is named",
        "Name the client, or a blank one for credentials that name none (--client-id).",
      );
    }
    if (!bindsClient && clientId !== undefined) {
      throw invalid(
        "Nothing was revoked: sessions are not bound to OAuth clients here, and one is named",
        "Leave the client out: all sessions of the caller end, or start Signet with --bind-client-id.",
      );
    }
    const owner = clientId === undefined || clientId.trim() === "" ? principal : { ...principal, clientId };
    return keys.map((key) => owners.fingerprint(owner, key));
  }

  async #revokeBefore(beforeMs: number): Promise<readonly string[]> {
    const moment = this.#moment(beforeMs);
    return await this.#ending(
      ({ issuedAtMs }) => issuedAtMs <= moment,
      () => this.#options.revocations.revokeBefore(moment),
    );
  }

  async #revokeAll(): Promise<readonly string[]> {
    const moment = this.#options.now();
    return await this.#endingAll(() => true, () => this.#options.revocations.revokeBefore(moment));
  }

  /**
   * All that there are now, by whatever clock they were opened: if it has been set back since, theirs is a moment to come,
   * which no cut-off of now reaches. Each of those is revoked by itself (docs/behaviour.md L6, P8).
   */
  async #endingAll(
    concerned: (session: Session) => boolean,
    revoke: () => void | Promise<void>,
  ): Promise<readonly string[]> {
    const nowMs = this.#options.now();
    return await this.#ending(concerned, async () => {
      const ahead = [...this.#options.registry?.sessions() ?? []]
        .filter((session) => session.issuedAtMs > nowMs && concerned(session));
      await revoke();
      for (const { sid, expiresAtMs } of ahead) {
        await this.#options.revocations.revokeSession(sid, { nowMs, expiresAtMs });
      }
    });
  }

  /** Behind it nobody could open a session again until it has come. */
  #moment(beforeMs: number | undefined): number {
    const nowMs = this.#options.now();
    if (beforeMs === undefined) return nowMs;
    if (Number.isSafeInteger(beforeMs) && beforeMs >= 0 && beforeMs <= nowMs) return beforeMs;
    throw invalid("Nothing was revoked: the moment is in the future, or none at all", "Name one that has passed.");
  }

  /** Those that a revocation ended: the listeners do it, before `revoke` returns or resolves. */
  async #ending(
    concerned: (session: Session) => boolean,
    revoke: () => void | Promise<void>,
  ): Promise<readonly string[]> {
    const live = [...this.#options.registry?.sessions() ?? []].filter(concerned);
    await revoke();
    return live.filter(({ ended }) => ended).map(({ tag }) => tag);
  }

  #tokens(): SessionTokens {
    const { tokens } = this.#options;
    if (tokens !== undefined) return tokens;
    throw invalid(
      "Session tokens are not configured",
      "Set --token-secret-file to the secrets they are signed with, and --principal token to accept them.",
    );
  }

  #registry(attempted: string): SessionRegistry {
    const { registry } = this.#options;
    if (registry !== undefined) return registry;
    throw invalid(`${attempted} needs a running Signet: a state file knows no live sessions`, "Ask it with --admin.");
  }
}

function requireName(what: string, value: string): void {
  if (value.trim() !== "" && value.isWellFormed()) return;
  throw invalid(`Nothing was revoked: the ${what} is blank or not well-formed`, NAME_IT);
}

function invalid(publicMessage: string, remedy: string): SignetError {
  return new SignetError("invalid_params", { publicMessage, remedy });
}

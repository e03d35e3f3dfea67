// Which sessions a revocation concerns, and their end: by an id, a hash, an owner, a moment (docs/behaviour.md L6). It is in
// force, and whoever holds sessions in memory has been told, before it resolves.
import type { RevocationRequest } from "../../admin/control.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import type { OwnerFingerprint } from "../../envelope/owner_fingerprint.ts";
import { openSession } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import type { Principal } from "../../identity/principal.ts";
import type { OwnerBook } from "../../session/owner.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { StoredRevocations } from "../../session/revocations/revocation_store.ts";
import type { Session } from "../../session/session.ts";
import { refusedOrder } from "./refused_order.ts";
import { callerNamed } from "./session_views.ts";

export interface RevokingOptions {
  readonly revocations: StoredRevocations;
  /** Live sessions; undefined for a state file without a server. */
  readonly registry: SessionRegistry | undefined;
  readonly owners: OwnerBook;
  /** The ring in force. Not asked for unless ids or owners have to be known. */
  readonly ring: () => KeyRing;
  /** Longest id looked at, in characters. Default 4,096 (E7). */
  readonly maxIdLength?: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const NAME_IT = "Name it as the credential does.";

type PrincipalRequest = Extract<RevocationRequest, { kind: "principal" }>;

/** Each revocation resolves to the hashes of those that it has ended. */
export class Revoking {
  readonly #options: RevokingOptions;

  constructor(options: RevokingOptions) {
    this.#options = options;
  }

  async revoke(request: RevocationRequest): Promise<readonly string[]> {
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
    const concerned = this.withHash(hash);
    return await this.#ending(
      (session) => concerned.includes(session),
      () => this.#options.revocations.revokeSessions(concerned),
    );
  }

  /** The sessions in memory that go by this hash. @throws SignetError `session_not_found`, and as `live` */
  withHash(hash: string): Session[] {
    const found = [...this.live("Revoking by hash").sessions()].filter(({ tag }) => tag === hash);
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
    for (const session of this.withHash(hash)) {
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

  /** One under each key of the ring: whichever sealed a session, its owner is among them. */
  #fingerprints({ issuer, subject, clientId }: PrincipalRequest): OwnerFingerprint[] {
    requireName("issuer", issuer);
    requireName("subject", subject);
    const { owners, ring } = this.#options;
    if (clientId?.isWellFormed() === false) {
      throw refusedOrder("Nothing was revoked: the client is not well-formed", NAME_IT);
    }
    const { active, keys } = ring();
    const principal: Principal = { source: "operator", issuer, subject, scopes: [], expiresAtMs: Infinity };
    const bindsClient = owners.fingerprint({ ...principal, clientId: "client" }, active) !==
      owners.fingerprint(principal, active);
    if (bindsClient && clientId === undefined) {
      throw refusedOrder(
        "Nothing was revoked: each OAuth client of a caller is an owner of its own here, and none is named",
        "Name the client, or a blank one for credentials that name none (--client-id).",
      );
    }
    if (!bindsClient && clientId !== undefined) {
      throw refusedOrder(
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
      try {
        await revoke();
      } finally {
        await this.#options.revocations.revokeSessions(ahead);
      }
    });
  }

  /** Behind it nobody could open a session again until it has come. */
  #moment(beforeMs: number | undefined): number {
    const nowMs = this.#options.now();
    if (beforeMs === undefined) return nowMs;
    if (Number.isSafeInteger(beforeMs) && beforeMs >= 0 && beforeMs <= nowMs) return beforeMs;
    throw refusedOrder("Nothing was revoked: the moment is in the future, or none at all", "Name one that has passed.");
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

  /** The sessions in memory. @throws SignetError `invalid_params` where there is no server */
  live(attempted: string): SessionRegistry {
    const { registry } = this.#options;
    if (registry !== undefined) return registry;
    throw refusedOrder(
      `${attempted} needs a running Signet: a state file knows no live sessions`,
      "Ask it with --admin.",
    );
  }
}

function requireName(what: string, value: string): void {
  if (value.trim() !== "" && value.isWellFormed()) return;
  throw refusedOrder(`Nothing was revoked: the ${what} is blank or not well-formed`, NAME_IT);
}

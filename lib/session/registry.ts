// The sessions this process knows: found by the id's text, opened once from a sealed id, dropped when idle, ended for good.
// What leaves memory loses no session: its id stays valid until it expires or is revoked (BEHAVIOUR.md L3, L6–L8, O1).
// Every way an id fails to open looks the same outside and is told apart in `opens` (E8).
import { Buffer } from "node:buffer";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import { openSession, type SealedSession, type SessionId } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import type { Principal } from "../identity/principal.ts";
import { LabelledCounter } from "../observe/metrics.ts";
import { type Limits, principalKey, type SessionReservation } from "./limits.ts";
import { LinkedList } from "./linked_list.ts";
import type { OwnerBook } from "./owner.ts";
import { type EndReason, Session, type UpstreamLink } from "./session.ts";
import type { RevocationList } from "./tombstones.ts";

export interface RegistryOptions {
  readonly ring: KeyRing;
  readonly limits: Limits;
  readonly owners: OwnerBook;
  readonly revocations: RevocationList;
  /** The upstreams' state of a session opened from its id. */
  readonly linksOf: (sealed: SealedSession) => readonly UpstreamLink[];
  /** How long a session with nothing in flight stays in memory, in ms. Default 15 min (L7). */
  readonly idleMs?: number;
  /** Longest id looked at, in characters. Default 4,096 (E7). */
  readonly maxIdLength?: number;
  /** After a session has left, whatever the reason: caches keyed by it can let go. Must not throw. */
  readonly onEnd?: (session: Session, reason: EndReason) => void;
  /** An `abort` or `onEnd` that threw, against its contract. */
  readonly onFault?: (fault: unknown) => void;
}

export class SessionRegistry {
  constructor(_options: RegistryOptions) {}
  /** A live session by the text the client sent; undefined if it is not known here, or has just expired (L8). Not a use: see `Session.enter`. */
  get(_idText: string, _nowMs: number): Session | undefined {
    throw 0;
  }
  bySid(_sid: string): Session | undefined {
    throw 0;
  }
  /** A place for a session being initialized. Never evicts. @throws SignetError principal_limit, session_limit */
  reserve(_principal: Principal): SessionReservation {
    throw 0;
  }
  /** Takes in a session just initialized; from now on `reservation` is the registry's to release. */
  add(_session: Session, _reservation: SessionReservation): void {
    throw 0;
  }
  /**
   * Opens an id not known here, for its owner, and takes the session in. Synchronous unless the revocation list is not.
   * @throws SignetError session_not_found, owner_mismatch, principal_limit, session_limit
   */
  openCold(_idText: string, _principal: Principal, _nowMs: number): Session | Promise<Session> {
    throw 0;
  }
  /** Drops it from memory and cuts what is in flight; the id stays valid. */
  remove(_session: Session, _reason: EndReason, _nowMs: number): void {
    throw 0;
  }
  /** DELETE and revocation: dead until it expires (L6), and removed. */
  revoke(_session: Session, _reason: "deleted" | "revoked", _nowMs: number): void | Promise<void> {
    throw 0;
  }
  /** An administrator's revocation by sid, live here or not. */
  revokeSid(_sid: string, _expiresAtMs: number, _nowMs: number): void | Promise<void> {
    throw 0;
  }
  /** Every 30 s (L7). */
  sweep(_nowMs: number): void {
    throw 0;
  }
  /** New ring: sessions under keys that are gone end (E5). */
  setRing(_ring: KeyRing, _nowMs: number): void {
    throw 0;
  }
  /** All sessions' in-flight work is cut (drain). */
  abortAll(_reason: EndReason, _nowMs: number): void {
    throw 0;
  }
}

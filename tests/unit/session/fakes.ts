// Principals, sealed ids and a whole registry for the tests of lib/session.
import { KeyRing, MasterKey } from "../../../lib/envelope/key_ring.ts";
import { newSid, openSession, sealSession, type SessionId } from "../../../lib/envelope/session_id.ts";
import type { SealedSession } from "../../../lib/envelope/session_payload.ts";
import { SignetError } from "../../../lib/errors.ts";
import type { Principal } from "../../../lib/identity/principal.ts";
import type { Caller } from "../../../lib/session/caller.ts";
import { type LimitOptions, Limits } from "../../../lib/session/limits/limits.ts";
import { OwnerBook, type OwnerOptions } from "../../../lib/session/owner.ts";
import { type RegistryOptions, SessionRegistry } from "../../../lib/session/registry.ts";
import { StoredRevocations } from "../../../lib/session/revocations/revocation_store.ts";
import type { Active, EndReason, Session, SessionFacts } from "../../../lib/session/session.ts";
import { createMemoryStore } from "../../../lib/store/memory/memory.ts";

export const NOW_MS = 1_800_000_000_000;
export const TTL_MS = 86_400_000;
export const IDLE_MS = 900_000;
export const UPSTREAM = "http://127.0.0.1:3000/mcp";

export const KEY_A = new MasterKey(new Uint8Array(32).fill(1));
export const KEY_B = new MasterKey(new Uint8Array(32).fill(2));

export function principal(subject: string, more: Partial<Principal> = {}): Principal {
  return { source: "jwt", issuer: "https://issuer.example", subject, scopes: [], expiresAtMs: Infinity, ...more };
}

export const ALICE = principal("alice");
export const BOB = principal("bob");

let sids = 0;
/** Ids differ from call to call, and are the same in every run. */
const nextSid = () =>
  newSid((length) => {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++sids);
    return bytes;
  });

export const codeOf = (code: string) => (fault: unknown) => fault instanceof SignetError && fault.code === code;

/** The code a synchronous refusal has; undefined if nothing was refused. */
export function refusalOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (fault) {
    if (fault instanceof SignetError) return fault.code;
    throw fault;
  }
}

export class FakeActive implements Active {
  readonly aborts: EndReason[] = [];
  readonly calls = 1;
  constructor(readonly kind: "call" | "stream" = "call", readonly onAbort: () => void = () => {}) {}
  abort(reason: EndReason): void {
    this.aborts.push(reason);
    this.onAbort();
  }
}

export interface BenchOptions extends Partial<RegistryOptions> {
  readonly caps?: LimitOptions;
  readonly owner?: OwnerOptions;
  /** A clock that nobody sets, for what is purged. */
  readonly steady?: () => number;
}

/** A registry with everything it needs, and ways to get sessions into it. */
export class Bench {
  readonly limits: Limits;
  readonly owners: OwnerBook;
  readonly registry: SessionRegistry;
  readonly ended: [string, EndReason][] = [];
  readonly faults: unknown[] = [];

  constructor(options: BenchOptions = {}) {
    const { caps, owner, steady, ...registryOptions } = options;
    this.limits = new Limits(caps);
    this.owners = new OwnerBook(owner);
    this.registry = new SessionRegistry({
      ring: new KeyRing([KEY_A]),
      limits: this.limits,
      owners: this.owners,
      revocations: new StoredRevocations({
        ...{ store: createMemoryStore(), maxSessionTtlMs: TTL_MS },
        ...(steady === undefined ? {} : { steady }),
      }, 0),
      idleMs: IDLE_MS,
      onEnd: (session, reason) => this.ended.push([session.id, reason]),
      onFault: (fault) => this.faults.push(fault),
      ...registryOptions,
    });
  }

  caller(owner: Principal = ALICE): Caller {
    return this.owners.callerOf(owner);
  }

  seal(owner: Principal = ALICE, { nowMs = NOW_MS, ttlMs = TTL_MS, key = KEY_A } = {}): SessionId {
    return sealSession(key, this.sealed(owner, { nowMs, ttlMs, key }));
  }

  sealed(owner: Principal = ALICE, { nowMs = NOW_MS, ttlMs = TTL_MS, key = KEY_A } = {}): SealedSession {
    return {
      sid: nextSid(),
      owner: this.owners.fingerprint(owner, key),
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      protocolVersion: "2025-11-25",
      clientInfo: { name: "test", version: "1" },
      capabilities: {},
      upstreams: { [UPSTREAM]: { "mcp-session-id": "upstream-1", authorization: "Bearer x" } },
    };
  }

  /** A session as after a successful initialize. */
  initialize(owner: Principal = ALICE, options: { nowMs?: number; ttlMs?: number; key?: MasterKey } = {}): Session {
    const reservation = this.registry.reserve(this.caller(owner), options.nowMs ?? NOW_MS);
    return this.registry.add(factsOf(this.seal(owner, options)), reservation, options.nowMs ?? NOW_MS);
  }

  /** Opens at once or fails the test. */
  open(id: string, owner: Principal = ALICE, nowMs = NOW_MS): Session {
    const session = this.registry.openCold(id, { caller: this.caller(owner), nowMs }, (session) => session);
    if (session instanceof Promise) throw new Error("want the session at once, got a promise");
    return session;
  }
}

/** What an id of the tests' keys says. */
export function factsOf(id: SessionId): SessionFacts {
  const opened = openSession(new KeyRing([KEY_A, KEY_B]), id);
  if (!opened.ok) throw new Error(opened.reason);
  return { id, sealed: opened.session, key: opened.key };
}

// Sessions at servers that stateless clients share, kept where a restarted process or another replica goes on with them
// (docs/behaviour.md S3): under a digest of whose they are, sealed, so that whoever can write there can lead nobody into
// another's.
import type { PoolKey } from "../../../bridge/request.ts";
import { createHash } from "../../../platform/runtime/builtin.ts";
import type { OwnerKey } from "../../../session/caller.ts";
import type { Upstream } from "../../upstream.ts";
import { openKept } from "./kept_session.ts";
import { PooledSession, type PooledSessionParts } from "./pooled_session.ts";

export interface PooledSessionsOptions
  extends Pick<PooledSessionParts, "store" | "seal" | "holder" | "idleMs" | "timers" | "judge"> {
  /**
   * Who shares the store. `machine`: a server that is local is the same for all. A string: others have servers of their
   * own at the same local addresses, and this replica is called so; undefined: it has no name.
   */
  readonly home: "machine" | { readonly self: string | undefined };
}

/** Whose session, and where. */
export interface PoolPlace {
  readonly pool: PoolKey;
  readonly owner: OwnerKey;
  /** Of several servers, which. */
  readonly member: string;
  readonly upstream: Pick<Upstream, "url" | "isLocal" | "initializeTimeoutMs">;
}

export class PooledSessions {
  /** How often the store could not be asked, and a session is known to this process alone. */
  unshared = 0;
  /** Sessions gone on with that another process has opened. */
  taken = 0;
  readonly #options: PooledSessionsOptions;
  /** In use here, by where they are kept; and the same by whose they are. */
  readonly #live = new Map<string, Set<PooledSession>>();
  readonly #owned = new Map<OwnerKey, Set<PooledSession>>();
  /** What is still to be done, by what cancels it. */
  readonly #pending = new Set<() => void>();
  #isClosed = false;

  constructor(options: PooledSessionsOptions) {
    this.#options = options;
    options.store.watch((text) => this.#heed(text));
  }

  /** Names of sessions in use here, for metrics. */
  get size(): number {
    return this.#live.size;
  }

  /** Undefined for a server that nobody else could reach. */
  at({ pool, owner, member, upstream }: PoolPlace): PooledSession | undefined {
    const { home } = this.#options;
    const isOwn = home !== "machine" && upstream.isLocal;
    if (isOwn && home.self === undefined) return undefined;
    const name = JSON.stringify([pool, member, upstream.url, isOwn ? home.self : null]);
    const key = createHash("sha256").update(name).digest("base64url");
    return new PooledSession(key, {
      ...this.#options,
      owner,
      isShared: home === "machine" || home.self === undefined,
      turnMs: upstream.initializeTimeoutMs + 5000,
      later: (ms, run) => this.#later(ms, run),
      onUnshared: () => void this.unshared++,
      onTaken: () => void this.taken++,
      enter: (session) => {
        add(this.#live, key, session);
        add(this.#owned, owner, session);
      },
      leave: (session) => {
        remove(this.#live, key, session);
        remove(this.#owned, owner, session);
      },
    });
  }

  /** When the first of those in use here was opened for this owner, by whichever process; in ms since the epoch. */
  oldestOf(owner: OwnerKey): number | undefined {
    let oldest: number | undefined;
    for (const { openedAtMs = Infinity } of this.#owned.get(owner) ?? []) {
      oldest = Math.min(oldest ?? Infinity, openedAtMs);
    }
    return oldest;
  }

  /** What is still to be said to the store is not said any more. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
  }

  #later(ms: number, run: () => void): void {
    if (this.#isClosed) return;
    const cancel = this.#options.timers.after(ms, () => {
      this.#pending.delete(cancel);
      run();
    });
    this.#pending.add(cancel);
  }

  /** Another process has opened one in place of one that may be in use here. */
  #heed(text: string): void {
    const kept = openKept(this.#options.seal, text);
    if (kept !== undefined) { for (const session of this.#live.get(kept.of) ?? []) session.heed(kept.id); }
  }
}

function add<K>(to: Map<K, Set<PooledSession>>, key: K, session: PooledSession): void {
  const there = to.get(key) ?? new Set();
  to.set(key, there.add(session));
}

function remove<K>(from: Map<K, Set<PooledSession>>, key: K, session: PooledSession): void {
  const there = from.get(key);
  there?.delete(session);
  if (there?.size === 0) from.delete(key);
}

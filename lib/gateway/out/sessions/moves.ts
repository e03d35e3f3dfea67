// Where sessions went that were opened again: told to all replicas, so that one of them opens a session and the others go
// there (docs/behaviour.md L4, R1). What is told is sealed with the ring. Without the store each replica decides alone.
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import type { StoreSeal } from "../../../envelope/store_seal.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import type { Replicas } from "../../../replica/replicas.ts";
import type { Session } from "../../../session/session.ts";
import type { UpstreamLink } from "../../../session/upstream_link.ts";
import { ignoreStoreError } from "../../../store/fail_closed.ts";
import type { AliasStore } from "../../../store/shared.ts";
import { waitForTurn } from "../../../store/turns.ts";
import { isUpstreamId } from "../../../upstream/http/session_id_field.ts";
import type { Upstream } from "../../../upstream/upstream.ts";

/** A session that was opened again. */
interface Move {
  readonly sid: string;
  /** Unique among all moves. */
  readonly name: string;
  /** Where alone it can be reached; null: from everywhere. */
  readonly home: string | null;
  readonly url: string;
  readonly id: string | null;
}

/** What is to be opened again. */
export interface Moving {
  readonly session: Session;
  readonly link: UpstreamLink;
  readonly upstream: Upstream;
}

export interface MovesOptions {
  readonly store: AliasStore;
  readonly seal: StoreSeal;
  readonly replicas: Replicas;
  readonly timers: Timers;
  readonly random: (n: number) => Uint8Array;
  /** A session goes on elsewhere, or as another one there: what it holds here is let go of. Must not throw. */
  readonly onGone: (moved: Moving) => void;
  /** The session with this sid, if it is in memory. */
  readonly find: (sid: string) => Session | undefined;
  readonly upstream: () => Upstream;
}

/** A move that the store is being told of. Until that is decided nobody else's word is followed: this one may take its place. */
interface Telling {
  readonly name: string;
  /** Of the link, when it stood for what is told. */
  readonly generation: number;
  /** What another replica has said meanwhile, at last. */
  heard: Move | undefined;
  /** The session has ended meanwhile, for good. */
  isForgotten: boolean;
}

/** So often the others are told of a session while somebody else writes there, or has written what leads nowhere. */
const TELL_TRIES = 3;

export class Moves {
  /** Sessions opened without asking the others, or that these do not know of, because the store did not take it. */
  unshared = 0;
  /** By the session's sid: the latest, where a client initializes anew meanwhile. */
  readonly #telling = new Map<string, Telling>();
  readonly #options: MovesOptions;

  constructor(options: MovesOptions) {
    this.#options = options;
    options.store.watch((text) => this.#heed(text));
  }

  /**
   * Makes sure that the session is opened again once among all replicas: follows the one that has, or runs `open`.
   * @throws whatever `open` does; SignetError `upstream_timeout` if another replica's turn does not end
   */
  async openOnce(moving: Moving, open: () => Promise<void>): Promise<void> {
    const { session: { sid }, upstream } = moving;
    const { store, replicas: { instance } } = this.#options;
    const turnMs = upstream.initializeTimeoutMs + 5000;
    // Also one whose taking is not answered may have been taken.
    let mayBeTurn = true;
    try {
      let before: string | undefined;
      try {
        mayBeTurn = await this.#waitForTurn(moving, turnMs);
        if (!mayBeTurn) return;
        before = await store.get(sid);
      } catch (fault) {
        ignoreStoreError(fault);
        this.unshared++;
        return await open();
      }
      await open();
      // Whoever takes longer than a turn lasts may have been overtaken: then the link follows the faster one.
      if (moving.link.reopened !== undefined) await this.tell(moving, { before });
    } finally {
      if (mayBeTurn) store.giveTurnBack(sid, instance).catch(ignoreStoreError);
    }
  }

  /**
   * Tells the others where it is from now on. What they do not know of is this replica's alone, and ended with it: a link has
   * the name of a move that the store has, or none. Never rejects.
   * @param found what the store had before it was opened, where that is known: whoever has said something else since then was
   * faster
   */
  async tell(moving: Moving, found?: { readonly before: string | undefined }): Promise<void> {
    const { session: { sid }, link, upstream } = moving;
    const { store, replicas: { self }, random } = this.#options;
    // Nobody else could reach it.
    if (upstream.isLocal && self === undefined) return;
    const name = random(12).toHex();
    const move: Move = {
      ...{ sid, name, url: upstream.url },
      home: upstream.isLocal ? self ?? null : null,
      id: link.upstreamSessionId ?? null,
    };
    const { generation } = link;
    const telling: Telling = { name, generation, heard: undefined, isForgotten: false };
    link.move = undefined;
    this.#telling.set(sid, telling);
    try {
      for (let tries = 0; tries < TELL_TRIES; tries++) {
        const { before } = tries === 0 && found !== undefined ? found : { before: await store.get(sid) };
        if (await this.#write(moving, move, before)) return await this.#settle(moving, telling);
        // Whoever was faster is who the others follow, if there is anybody.
        if (link.generation !== generation || await this.#follow(moving, telling)) return;
      }
      this.unshared++;
    } catch (fault) {
      ignoreStoreError(fault);
      this.unshared++;
      // Nobody can tell which came last, and theirs was taken.
      if (telling.heard !== undefined && link.generation === generation) this.#adopt(moving, telling.heard);
    } finally {
      if (this.#telling.get(sid) === telling) this.#telling.delete(sid);
    }
  }

  /** The store has it. @throws StoreError */
  async #settle(moving: Moving, telling: Telling): Promise<void> {
    const { session, link } = moving;
    const { name, generation } = telling;
    // Before this one's or behind it: what the store has now is what the others follow.
    while (telling.heard !== undefined && link.generation === generation) {
      telling.heard = undefined;
      await this.#follow(moving, telling);
    }
    // Else it goes on elsewhere, or a client has initialized anew, which is told by itself.
    if (link.generation === generation) link.move = name;
    // Whoever has ended it meanwhile found no name to remove.
    if (telling.isForgotten || session.endReason === "deleted" || session.endReason === "revoked") {
      this.#remove(session);
    }
  }

  /** In place of what is there. @returns false if that is something else by now. @throws StoreError */
  async #write({ session: { sid, expiresAtMs } }: Moving, move: Move, before: string | undefined): Promise<boolean> {
    const { store, seal, timers } = this.#options;
    const ttlMs = Math.max(1000, expiresAtMs - timers.now() + 60_000);
    return await store.replace(sid, { before, text: seal.seal(JSON.stringify(move)), ttlMs });
  }

  /** What is told of it, if it is news here: from now on the link follows it. Never rejects. */
  async refresh(moving: Moving): Promise<void> {
    try {
      await this.#follow(moving);
    } catch (fault) {
      ignoreStoreError(fault);
    }
  }

  /** The session is dead: nobody needs to find it. Nobody waits for it. */
  forget(session: Session): void {
    const telling = this.#telling.get(session.sid);
    if (telling !== undefined) telling.isForgotten = true;
    if (session.move !== undefined) this.#remove(session);
  }

  #remove({ sid }: Session): void {
    this.#options.store.remove(sid).catch(ignoreStoreError);
  }

  /** @returns whether it is this replica's turn; else somebody has opened it, and the link follows. @throws StoreError */
  #waitForTurn(moving: Moving, turnMs: number): Promise<boolean> {
    const { store, replicas: { instance: holder }, timers } = this.#options;
    const { session: { sid }, link } = moving;
    const { generation } = link;
    // What another replica has told meanwhile the link follows already.
    const isDone = async () => link.generation !== generation || await this.#follow(moving);
    return waitForTurn(store, { sid, holder, turnMs, timers, isDone });
  }

  /** @param telling of whoever asks, who decides. @returns whether there was news. @throws StoreError */
  async #follow(moving: Moving, telling?: Telling): Promise<boolean> {
    const { store, seal, replicas } = this.#options;
    const { session: { sid }, link } = moving;
    const { generation } = link;
    const text = await store.get(sid);
    const move = text === undefined ? undefined : readMove(seal, text);
    // Whoever writes to the store can copy what was told of another session to where this one's is looked for.
    if (move === undefined || move.sid !== sid || move.name === (telling?.name ?? link.move)) return false;
    const isElsewhere = move.home !== null && move.home !== replicas.self;
    // It was alive when it said so, whatever was found before.
    if (isElsewhere && !await replicas.at(move.home)?.isThereNow()) return false;
    // Opened here meanwhile, or followed: what was read before says nothing of that.
    if (link.generation !== generation) return true;
    if (this.#telling.get(sid) !== telling) return false;
    this.#adopt(moving, move);
    return true;
  }

  /** Another replica has opened a session that is in memory here. */
  #heed(text: string): void {
    const { seal, find, upstream } = this.#options;
    const move = readMove(seal, text);
    if (move === undefined) return;
    if (move.home) this.#options.replicas.at(move.home)?.isThereNow();
    const telling = this.#telling.get(move.sid);
    if (telling !== undefined) {
      if (telling.name !== move.name) telling.heard = move;
      return;
    }
    const session = find(move.sid);
    const link = session?.link;
    if (session === undefined || link === undefined || link.move === move.name) return;
    this.#adopt({ session, link, upstream: upstream() }, move);
  }

  #adopt(moving: Moving, move: Move): void {
    const { replicas: { self }, onGone } = this.#options;
    const { link, upstream } = moving;
    const isHere = move.home === null || move.home === self;
    // Opened here, and no other replica knows of it: nobody would ever end it.
    const isOwn = link.reopened !== undefined && link.move === undefined &&
      link.upstreamSessionId !== (move.id ?? undefined);
    if (link.home === undefined && (!isHere || isOwn)) onGone(moving);
    link.move = move.name;
    link.home = isHere ? undefined : move.home ?? undefined;
    link.reopened = undefined;
    link.generation++;
    if (isHere && move.url === upstream.url) {
      link.upstreamSessionId = (move.id ?? undefined) as UpstreamSessionId | undefined;
    }
  }
}

/** Undefined for what is none of ours, or is written as no move of this version. */
function readMove(seal: StoreSeal, text: string): Move | undefined {
  const { sid, name, home, url, id } = seal.membersOf(text);
  const isWhole = typeof sid === "string" && typeof name === "string" && typeof url === "string" &&
    (home === null || typeof home === "string") && (id === null || (typeof id === "string" && isUpstreamId(id)));
  return isWhole ? { sid, name, home, url, id } : undefined;
}

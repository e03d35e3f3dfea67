// Whose turn it is to open a session that several processes may open at once: one does, the others go where it is by then
// (docs/behaviour.md L4, R1, S3). Who has died holds nobody up for long.
import { SignetError } from "../errors.ts";
import { Patience, pause, type Timers } from "../platform/time/timers.ts";
import { ignoreStoreError } from "./fail_closed.ts";
import type { AliasStore } from "./shared.ts";

export interface Turn {
  readonly sid: string;
  /** This process. */
  readonly holder: string;
  /** For whoever opens one, in ms. */
  readonly turnMs: number;
  readonly timers: Timers;
  /** Whether somebody has opened it meanwhile. @throws StoreError */
  readonly isDone: () => Promise<boolean>;
}

/** How often it is looked whether whoever has the turn is done, in ms. */
const LOOK_EVERY_MS = 50;
/** A turn whose holder has died is over by then. Who takes longer is overtaken, and all follow one of them. */
const TURN_MS = 10_000;

/**
 * Whether it is this process's turn, to be given back; else somebody has opened it.
 * @throws StoreError; SignetError `upstream_timeout` if the turn of another does not end
 */
export async function waitForTurn(store: AliasStore, { sid, holder, turnMs, timers, isDone }: Turn): Promise<boolean> {
  const patience = new Patience(turnMs, timers);
  while (!await store.takeTurn(sid, holder, Math.min(turnMs, TURN_MS))) {
    if (patience.leftMs === 0) throw new SignetError("upstream_timeout", { facts: { attempted: "wait for a turn" } });
    await pause(LOOK_EVERY_MS, timers);
    if (await isDone()) return false;
  }
  let isTurn = false;
  try {
    // Whoever had the turn before may have opened it.
    isTurn = !await isDone();
    return isTurn;
  } finally {
    // Also where that cannot be told: the others would wait for whoever does nothing.
    if (!isTurn) store.giveTurnBack(sid, holder).catch(ignoreStoreError);
  }
}

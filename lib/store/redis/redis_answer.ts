// What a shared store answers, read as what was asked for. Anything else is no answer: it clears no session and counts
// nothing (docs/behaviour.md R6).
import { Buffer } from "node:buffer";
import { StoreError } from "../store.ts";

/** What the store answers, as text. */
export function textOf(answer: unknown): string | undefined {
  if (answer === null || answer === undefined) return undefined;
  return Buffer.isBuffer(answer) ? answer.toString() : String(answer);
}

/** A text, or nothing. @throws StoreError */
export function textIn(answer: unknown): string | undefined {
  if (Array.isArray(answer)) throw strangeAnswer();
  return textOf(answer);
}

/** A whole number, also one that is written out. @throws StoreError */
export function numberIn(answer: unknown): number {
  const text = textIn(answer);
  if (text === undefined || !/^-?\d{1,20}$/.test(text)) throw strangeAnswer();
  return Number(text);
}

/** @param length how many it has to have; undefined: any. @throws StoreError */
export function listIn(answer: unknown, length?: number): readonly unknown[] {
  if (!Array.isArray(answer) || (length !== undefined && answer.length !== length)) throw strangeAnswer();
  return answer;
}

export function strangeAnswer(): StoreError {
  return new StoreError("io", "The shared store answered what is no answer to what it was asked", {
    remedy: "See that Redis or Valkey answers there, and that nobody else writes under --store-prefix.",
  });
}

/** A script that purges is run so many times at most: the rest is for the next time. */
const MOST_ROUNDS = 1000;

/** Runs a script that purges `atOnce` at most, as long as it does. @returns how many were purged. @throws StoreError */
export async function purgeAll(run: () => Promise<unknown>, atOnce: number): Promise<number> {
  let purged = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const some = numberIn(await run());
    purged += some;
    if (some < atOnce) break;
  }
  return purged;
}

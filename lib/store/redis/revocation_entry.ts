// Revocations as a shared store has them: sealed with the ring, under names that say whom they are about and tell nobody.
import { parseJson } from "../../platform/json.ts";
import type { Revocation } from "../store.ts";
import { digestOf } from "./digest.ts";
import { listIn, numberIn, textIn } from "./redis_answer.ts";

/** Makes texts that only holders of the ring can read. */
export interface StoreSeal {
  seal(text: string): string;
  /** Undefined for what somebody else has written. */
  open(sealed: string): string | undefined;
}

/** What a cut-off of all is about. */
export const ALL = "a";

/** Undefined of a replica with another ring, or of another version: whom it concerns is not known here. */
export function readEntry(seal: StoreSeal, sealed: string): Revocation | undefined {
  const text = seal.open(sealed);
  if (text === undefined) return undefined;
  try {
    const value: unknown = parseJson(text);
    return isRevocation(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRevocation(value: unknown): value is Revocation {
  const { kind, sid, owner, beforeMs, untilMs } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!Number.isFinite(untilMs)) return false;
  if (kind === "session") return typeof sid === "string";
  return Number.isFinite(beforeMs) && (kind === "all" || (kind === "principal" && typeof owner === "string"));
}

export function nameOf(revocation: Revocation): string {
  switch (revocation.kind) {
    case "session":
      return `s${digestOf(revocation.sid)}`;
    case "principal":
      return `o${revocation.owner}`;
    case "all":
      return ALL;
  }
}

export function entryOf(entry: unknown): { readonly number: number; readonly sealed: string } {
  const [id, fields] = listIn(entry, 2);
  return { number: numberIn(textIn(id)?.split("-")[0]), sealed: textIn(listIn(fields)[1]) ?? "" };
}

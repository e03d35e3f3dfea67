// What an error that the shared store answers with means: whether it is one question that was refused, or nobody can be asked
// anything there for now, and what an operator does about it (docs/behaviour.md R6, V1).
import { StoreError } from "../store.ts";

interface Meaning {
  /** Nothing at all is answered there for now: it counts as away, until it answers. */
  readonly isAway?: true;
  readonly remedy: string;
}

const RIGHTS =
  "Name its user in --store and its password in --store-password-file; the user needs its keys, its channels and scripts " +
  "(docs/guides/replicas.md).";
const FOREIGN = "Somebody else writes under --store-prefix: remove those keys, or name another prefix.";
const CLUSTER = "It is one node of a cluster: write redis+cluster://HOST:PORT in --store.";

/** By the word that begins it. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ASK: { remedy: CLUSTER },
  BUSY: { isAway: true, remedy: "A script of somebody's runs there and does not end: end it with SCRIPT KILL." },
  CLUSTERDOWN: { isAway: true, remedy: "See CLUSTER INFO: a master is gone, and nobody has taken its place." },
  CROSSSLOT: { remedy: CLUSTER },
  DENIED: { isAway: true, remedy: "It is in protected mode: give it a password, or name its user in --store." },
  LOADING: { isAway: true, remedy: "It reads what it has kept, and answers when it has." },
  MASTERDOWN: { isAway: true, remedy: "It is a replica that has lost its master: name that in --store, or sentinels." },
  MISCONF: { remedy: "It cannot write to its disk, and takes no writes until it can: see its own log." },
  MOVED: { remedy: CLUSTER },
  NOAUTH: { isAway: true, remedy: RIGHTS },
  NOPERM: { remedy: RIGHTS },
  NOREPLICAS: { remedy: "It waits for replicas that are not there (min-replicas-to-write)." },
  READONLY: { remedy: "It is a replica, and takes no writes: name its master in --store, or sentinels that know it." },
  TOOLONG: { remedy: FOREIGN },
  WRONGPASS: { isAway: true, remedy: RIGHTS },
  WRONGTYPE: { remedy: FOREIGN },
};

/** Before what a script was refused, up to Redis 6, in KeyDB and in Dragonfly. */
const IN_SCRIPT = /^ERR Error running script \(call to \w+\): (?:@user_script: ?\d+: )+-?/;
const WORD = /^([A-Z]{2,}[A-Z0-9]*) /;

/** The store's own word for what is wrong, if a fault is its answer; undefined: nobody has answered. */
function wordOf(fault: unknown): string | undefined {
  if (!(fault instanceof Error)) return undefined;
  const said = saidBy(fault);
  // A script's command that its user may not use is an error without a word of its own (Redis 6 and 7, and later ones).
  if (/^ERR (The user executing the script can't|ACL failure) /.test(said)) return "NOPERM";
  return WORD.exec(said)?.[1];
}

/** What the store says, of a script as of any other question. */
function saidBy({ message }: Error): string {
  const said = message.replace(IN_SCRIPT, "");
  return said === message || WORD.test(said) ? said : `ERR ${said}`;
}

/** Whether somebody has answered, whatever it is. */
export function isAnswer(fault: unknown): fault is Error {
  return wordOf(fault) !== undefined;
}

/** Whether whoever was asked is there and has refused this question: others it may answer. */
export function isRefusal(fault: unknown): fault is Error {
  const word = wordOf(fault);
  return word !== undefined && MEANINGS[word]?.isAway === undefined;
}

export function remedyOf(fault: unknown): string | undefined {
  return MEANINGS[wordOf(fault) ?? ""]?.remedy;
}

/** Whether it says this, which another connection may not: it is not let in (any more); it leads to a replica (by now). */
export function says(word: "LOADING" | "MASTERDOWN" | "NOAUTH" | "READONLY", fault: unknown): boolean {
  return wordOf(fault) === word;
}

/** @param fault see {@link isRefusal} */
export function refusedError(fault: Error): StoreError {
  const word = wordOf(fault)!;
  if (word === "OOM") {
    return new StoreError("full", "The shared store has no memory left", {
      remedy: "Give it more: nothing of Signet's may be evicted (maxmemory-policy noeviction).",
      cause: fault,
    });
  }
  // Its own words say what is wrong where the first of them does not; what was asked is not quoted.
  const found = MEANINGS[word] === undefined ? wordsOf(fault) : word;
  return new StoreError("io", `The shared store refused: ${found}`, {
    remedy: MEANINGS[word]?.remedy ?? "See what it is, and its own log: Redis 6 or Valkey is wanted.",
    cause: fault,
  });
}

/**
 * Fit for the log: a command that is not known is quoted with what it was given, a script's fault with its line, and where
 * a key is instead differs from key to key.
 */
export function wordsOf(fault: Error): string {
  const message = saidBy(fault);
  const elsewhere = /^(?:MOVED|ASK)(?= )/.exec(message);
  if (elsewhere !== null) return elsewhere[0];
  const words = message.replace(/, with args beginning with[^]*$| script: [0-9a-f]+, on @\S*$/, "");
  return words.replace(/[\s.]+$/, "").slice(0, 200);
}

// Whether another user could have written, or could yet replace, what a path of the configuration leads to. Whoever can write
// where keys, tokens and state come from is as good as Signet itself. Only this user and root are trusted.
import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";

/** What is at the path: each is replaced in a way of its own. */
export type PathUse =
  /** Made and rewritten here, with files beside it that are found by name. */
  | "state"
  /** Read here. */
  | "file"
  /** Connected to. Its owner may be the server's own user. */
  | "socket";

/** As messages want it: what was found, and the cure as a sentence. */
export interface ForeignHands {
  readonly problem: string;
  readonly remedy: string;
}

export interface Identity {
  readonly uid: number;
}

/** Who this process is; undefined where the system knows no owners. */
export function ownIdentity(): Identity | undefined {
  const uid = process.geteuid?.();
  return uid === undefined ? undefined : { uid };
}

const [GROUP_WRITES, OTHERS_WRITE, STICKY] = [0o020, 0o002, 0o1000];
/** Whoever a container's user namespace does not know. What is above a folder may be his: nobody inside can be him. */
const OVERFLOW_UID = 65_534;
/** What SQLite finds by name beside a database. */
const BESIDE_STATE = ["-wal", "-shm", "-journal"];

/** Paths of the log, its index and the journal of a database: beside the file itself, not beside a link to it. */
export function filesBeside(path: string): string[] {
  const real = realPath(path);
  return BESIDE_STATE.map((end) => real + end);
}

/** @returns undefined if only this user and root could have a hand in it, or nothing can be told; a missing file is nobody's */
export function foreignHands(
  path: string,
  use: PathUse,
  self: Identity | undefined = ownIdentity(),
): ForeignHands | undefined {
  if (self === undefined) return undefined;
  try {
    const judge = new Judge(self, use);
    const found = judge.entry(path);
    if (found !== undefined) return found;
    const real = realPath(path);
    const beside = use === "state" ? filesBeside(path) : [];
    for (const file of beside) {
      const other = judge.entry(file);
      if (other !== undefined) return other;
    }
    for (const folder of judge.folders(path, real)) if (folder !== undefined) return folder;
    return undefined;
  } catch {
    // What cannot be looked at cannot be opened either: that says so better.
    return undefined;
  }
}

/** What a path leads to, or would; a link that leads nowhere leads to its own place. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

class Judge {
  readonly #self: Identity;
  readonly #use: PathUse;

  constructor(self: Identity, use: PathUse) {
    this.#self = self;
    this.#use = use;
  }

  /** The thing itself, and the link that leads to it. */
  entry(path: string): ForeignHands | undefined {
    const link = lstatSync(path, { throwIfNoEntry: false });
    if (link === undefined) return undefined;
    const target = link.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : link;
    if (this.#use === "socket") return undefined; // its folder decides
    for (const found of target === undefined ? [link] : [link, target]) {
      if (!this.#trusts(found)) return this.#foreign(path, found);
    }
    // State that a group could write is narrowed when it is opened; what everybody could write has been anybody's.
    const isOpen = target !== undefined &&
      (this.#use === "state" ? (target.mode & OTHERS_WRITE) !== 0 : this.#othersWrite(target));
    if (!isOpen) return undefined;
    if (target.isCharacterDevice() || target.isBlockDevice()) {
      // Others of this machine need it as it is.
      return { problem: `${path} is a device that other users can write`, remedy: "Name a file in its place." };
    }
    return {
      problem: `other users can write ${path} (mode ${modeOf(target)})`,
      remedy: `Run chmod go-w on it, after a look at what it holds${UNLESS}`,
    };
  }

  /** The folders it is in, by every way that leads to it. */
  *folders(path: string, real: string): Iterable<ForeignHands | undefined> {
    const seen = new Set<string>();
    const link = lstatSync(path, { throwIfNoEntry: false });
    for (const way of [dirname(path), dirname(real)]) {
      const folder = realpathSync(way);
      if (seen.has(folder)) continue;
      seen.add(folder);
      yield this.#folder(folder, path, link);
      for (let at = dirname(folder); !seen.has(at); at = dirname(at)) {
        seen.add(at);
        yield this.#above(at);
      }
    }
  }

  #folder(folder: string, path: string, link: Stats | undefined): ForeignHands | undefined {
    const found = statSync(folder);
    if (!this.#trusts(found)) {
      // The server's own folder, for its own socket.
      return this.#use === "socket" && link?.uid === found.uid ? undefined : this.#foreign(folder, found);
    }
    if (!this.#othersWrite(found)) return undefined;
    const isSticky = (found.mode & STICKY) !== 0;
    if (isSticky && this.#use === "file") return undefined; // there each can replace only what is his
    if (isSticky && this.#use === "socket" && link !== undefined && this.#trusts(link)) return undefined;
    return {
      problem:
        `other users can write in its folder ${folder} (mode ${modeOf(found)}), and put something else in the place ` +
        `of ${path}`,
      // A sticky folder is everybody's because others need it so.
      remedy: isSticky
        ? `Put it into a folder that only this user can write${UNLESS}`
        : `Put it into a folder that only this user can write, or run chmod go-w on the folder${UNLESS}`,
    };
  }

  #above(folder: string): ForeignHands | undefined {
    const found = statSync(folder);
    if (!this.#trusts(found) && found.uid !== OVERFLOW_UID) return this.#foreign(folder, found);
    if ((found.mode & OTHERS_WRITE) === 0 || (found.mode & STICKY) !== 0) return undefined;
    return {
      problem: `other users can write in ${folder} (mode ${
        modeOf(found)
      }), which it is below of, and replace the way to it`,
      remedy: `Run chmod o-w on that folder${UNLESS}`,
    };
  }

  #trusts({ uid }: Stats): boolean {
    return uid === this.#self.uid || uid === 0;
  }

  /** A group of the user's own name and number has nobody else in it, by the custom of most systems. */
  #othersWrite({ mode, gid }: Stats): boolean {
    const isPrivate = gid === this.#self.uid && gid !== 0;
    return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && !isPrivate);
  }

  #foreign(path: string, { uid }: Stats): ForeignHands {
    return {
      problem: `${path} belongs to another user (uid ${uid}; Signet runs as uid ${this.#self.uid})`,
      remedy: `Run chown on it, or Signet as its owner, if that is who is meant to decide here${UNLESS}`,
    };
  }
}

const UNLESS = "; --unsafe-files trusts whoever can write there.";

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

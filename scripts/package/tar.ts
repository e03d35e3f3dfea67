// Tar archives (POSIX ustar) whose bytes follow from their entries alone: no names of users, no times but the one given,
// entries in the order given. Images and npm packages are made of them.

/** What stands in an archive. `path` has no leading slash; a folder's may or may not end in one. */
export type TarEntry =
  & { readonly path: string; readonly mode?: number; readonly owner?: number }
  & (
    | { readonly kind: "file"; readonly bytes: Uint8Array }
    | { readonly kind: "folder" }
    | { readonly kind: "link"; readonly target: string }
  );

const BLOCK = 512;
const TYPE = { file: "0", link: "2", folder: "5" } as const;
const MODE = { file: 0o644, link: 0o777, folder: 0o755 } as const;

/** Splits what is longer than the name field at a slash. @throws Error if no slash is where one is needed */
function splitPath(path: string): { name: string; prefix: string } {
  if (new TextEncoder().encode(path).length <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (name.length <= 100 && prefix.length <= 155 && name !== "") return { name, prefix };
  }
  throw new Error(`archiving ${path}: the path is too long, want 100 characters behind a slash and 155 before it`);
}

function header(entry: TarEntry, seconds: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const put = (text: string, at: number, length: number) => {
    const { written, read } = new TextEncoder().encodeInto(text, bytes.subarray(at, at + length));
    if (read !== text.length) throw new Error(`archiving ${entry.path}: ${text} is longer than ${length} (${written})`);
  };
  const number = (value: number, at: number, length: number) =>
    put(value.toString(8).padStart(length - 1, "0") + "\0", at, length);
  const { name, prefix } = splitPath(entry.kind === "folder" ? entry.path.replace(/\/*$/, "/") : entry.path);
  put(name, 0, 100);
  number(entry.mode ?? MODE[entry.kind], 100, 8);
  number(entry.owner ?? 0, 108, 8);
  number(entry.owner ?? 0, 116, 8);
  number(entry.kind === "file" ? entry.bytes.length : 0, 124, 12);
  number(seconds, 136, 12);
  put(" ".repeat(8), 148, 8);
  put(TYPE[entry.kind], 156, 1);
  if (entry.kind === "link") put(entry.target, 157, 100);
  put("ustar\x0000", 257, 8);
  put(prefix, 345, 155);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(sum.toString(8).padStart(6, "0") + "\0 ", 148, 8);
  return bytes;
}

/**
 * The whole archive.
 * @param seconds since the epoch, of every entry
 */
export function tar(entries: readonly TarEntry[], seconds: number): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  for (const entry of entries) {
    pieces.push(header(entry, seconds));
    if (entry.kind !== "file") continue;
    pieces.push(entry.bytes, new Uint8Array((BLOCK - entry.bytes.length % BLOCK) % BLOCK));
  }
  pieces.push(new Uint8Array(2 * BLOCK));
  const whole = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A file of text. */
export function textFile(path: string, text: string, mode = 0o644): TarEntry {
  return { kind: "file", path, bytes: new TextEncoder().encode(text), mode };
}

/** The folders above `entries`, each once and before what is in it, and then the entries by path. */
export function withFolders(entries: readonly TarEntry[]): TarEntry[] {
  const all = new Map<string, TarEntry>();
  for (const entry of entries) {
    const names = entry.path.replace(/\/*$/, "").split("/");
    for (let length = 1; length < names.length; length++) {
      const path = names.slice(0, length).join("/");
      if (!all.has(path)) all.set(path, { kind: "folder", path });
    }
    all.set(names.join("/"), entry);
  }
  return [...all.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, entry]) => entry);
}

// Files that every worker reads as all others do, whenever it starts or reloads: the process that steers them reads each once
// for all, and hands its text on. What it cannot read it leaves to the workers, which say what is wrong with it.
import type { Settings } from "../../config/schema.ts";

/** Texts of files by path. */
export type FileTexts = Readonly<Record<string, string>>;
type ReadFile = (path: string) => Promise<string>;

/** What holds until the end: as it was at the start, also for a worker that begins later. Secrets stand beside them. */
export function readOnce({ upstreamCaFile, storeCaFile }: Pick<Settings, "upstreamCaFile" | "storeCaFile">): string[] {
  return [upstreamCaFile, storeCaFile].filter((path) => path !== undefined);
}

/** What a reload reads anew: as it was at the last one that was taken. */
export function readAnew(
  { introspectionSecretFile, jwtJwks, jwtProviders }: Pick<
    Settings,
    "introspectionSecretFile" | "jwtJwks" | "jwtProviders"
  >,
): string[] {
  const keySets = [jwtJwks, ...jwtProviders.map(({ jwks }) => jwks)];
  const paths = keySets.map((jwks) => jwks?.kind === "file" ? jwks.path : undefined);
  return [introspectionSecretFile, ...paths].filter((path) => path !== undefined);
}

export async function readTexts(paths: readonly string[], readFile: ReadFile): Promise<FileTexts> {
  const texts: Record<string, string> = {};
  for (const path of new Set(paths)) {
    const text = await readFile(path).catch(() => undefined);
    if (text !== undefined) texts[path] = text;
  }
  return texts;
}

/** @param texts those that were handed on, as of now @param readFile for a file that is not among them */
export function readerOf(texts: () => FileTexts, readFile: ReadFile): ReadFile {
  return async (path) => {
    const given = texts();
    return Object.hasOwn(given, path) ? given[path]! : await readFile(path);
  };
}

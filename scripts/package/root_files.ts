// Files of an image out of a folder that Debian packages were unpacked into.
import { relative } from "node:path";
import type { DebianPackage } from "./debian_packages.ts";
import type { TarEntry } from "./tar.ts";
import { runTool } from "./tool.ts";

/** Unpacks them; nothing of theirs is run. */
export async function unpack(packages: readonly DebianPackage[], folder: string): Promise<void> {
  for (const { path, name } of packages) {
    await runTool("dpkg-deb", ["--extract", path, folder], { what: `unpacking ${name}` });
  }
}

/** Everything below `folder` as entries of root's, without bits that give a program another user's rights. */
export async function entriesOf(folder: string, keep: (path: string) => boolean): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  async function walk(at: string): Promise<void> {
    for await (const { name } of Deno.readDir(at)) {
      const full = `${at}/${name}`;
      const path = relative(folder, full);
      const info = await Deno.lstat(full);
      if (info.isDirectory) await walk(full);
      if (!keep(path)) continue;
      const mode = (info.mode ?? 0o755) & 0o755;
      if (info.isSymlink) entries.push({ kind: "link", path, target: await Deno.readLink(full) });
      else if (info.isFile) entries.push({ kind: "file", path, mode, bytes: await Deno.readFile(full) });
    }
  }
  await walk(folder);
  return entries;
}

/** One file, wherever links lead inside `folder`. @throws Error if it is not there */
export async function readThrough(folder: string, path: string): Promise<Uint8Array> {
  const real = await Deno.realPath(`${folder}/${path}`).catch((cause) => {
    throw new Error(`the unpacked packages have no /${path}`, { cause });
  });
  if (relative(await Deno.realPath(folder), real).startsWith("..")) throw new Error(`/${path} leads out of the image`);
  return await Deno.readFile(real);
}

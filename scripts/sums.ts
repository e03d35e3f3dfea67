// SHA256SUMS of a folder of things to install, as `sha256sum --check` reads it.
import { basename } from "node:path";

async function sha256(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}

/** Of what this run has made, and of what was there already. */
export async function writeSums(out: string, paths: readonly string[]): Promise<void> {
  const file = `${out}/SHA256SUMS`;
  const sums = new Map<string, string>();
  const before = await Deno.readTextFile(file).catch(() => "");
  for (const [, sum, name] of before.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)) {
    if (await Deno.stat(`${out}/${name}`).then(() => true, () => false)) sums.set(name!, sum!);
  }
  for (const path of paths) sums.set(basename(path), await sha256(path));
  const lines = [...sums].sort(([a], [b]) => a < b ? -1 : 1).map(([name, sum]) => `${sum}  ${name}\n`);
  await Deno.writeTextFile(file, lines.join(""));
}

// Reads the tree of embedded files that `deno compile` prints, so that compile.ts can check it.

const HEADING = "Embedded Files";
/** `│ ├── name/* (1.2KB - 1KB unique)`: guide lines of two columns a level, a branch, the name, the size. */
const LINE = /^((?:[│ ] )*)[├└]─[┬─] (.+?)(?: \([^()]*\))?$/;

/**
 * Paths of the tree's leaves, folders joined with `/`; a folder whose content is not listed ends in `/*`.
 * @throws Error if the output has no such tree: then nothing can be said about what got embedded
 */
export function embeddedPaths(output: string): string[] {
  const lines = output.split("\n").map((line) => line.trimEnd());
  const start = lines.indexOf(HEADING);
  if (start < 0) throw new Error(`cannot tell what got embedded: want "${HEADING}" in the output of deno compile`);
  const paths: string[] = [];
  const folders: string[] = [];
  // A blank line, the name of the whole, then the tree up to the next blank line.
  for (const line of lines.slice(start + 3)) {
    if (line === "") break;
    const found = LINE.exec(line);
    if (found === null) throw new Error(`cannot tell what got embedded: found ${JSON.stringify(line)} in the tree`);
    const [, guides = "", name = ""] = found;
    folders.length = guides.length / 2;
    if (line.startsWith("─┬", guides.length + 1)) folders.push(name);
    else paths.push([...folders, name].join("/"));
  }
  if (paths.length === 0) throw new Error(`cannot tell what got embedded: found no file below "${HEADING}"`);
  return paths;
}

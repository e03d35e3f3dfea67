// Names that a mapping of a YAML text gives twice, wherever it stands. By a set for each mapping: the parser's own way is to
// compare each name with all before it, which takes minutes for a file of a megabyte.
import type { Node } from "yaml";

type Yaml = Pick<typeof import("./yaml.ts"), "isMap" | "isScalar" | "isSeq">;

/** @returns where in the text names are given again, in no order */
export function repeatedNames(contents: Node | null, { isMap, isScalar, isSeq }: Yaml): number[] {
  const found: number[] = [];
  // By hand: a text may be nested as deeply as the parser takes.
  const left: unknown[] = [contents];
  while (left.length > 0) {
    const node = left.pop();
    if (isSeq(node)) { for (const item of node.items) left.push(item); }
    if (!isMap(node)) continue;
    const names = new Set<unknown>();
    for (const { key, value } of node.items) {
      left.push(key, value);
      if (!isScalar(key)) continue;
      if (names.has(key.value)) found.push(key.range?.[0] ?? 0);
      names.add(key.value);
    }
  }
  return found;
}

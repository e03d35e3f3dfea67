// The tree of a CEL expression, as far as one has to walk it: what stands below a node, and which member one stands for.
import type { ASTNode } from "@marcbachmann/cel-js";

/** The nodes directly below one, whatever it is. */
export function below(node: ASTNode): ASTNode[] {
  switch (node.op) {
    case "value":
    case "id":
      return [];
    case ".":
    case ".?":
      return [node.args[0]];
    case "call":
      return node.args[1];
    case "rcall":
      return [node.args[1], ...node.args[2]];
    case "list":
      return node.args;
    case "map":
      return node.args.flat();
    case "!_":
    case "-_":
      return [node.args];
    default:
      return [...node.args];
  }
}

/** The path of names below a variable that a node stands for; undefined if it is none, "" for what is not told. */
export function pathOf(node: ASTNode): readonly string[] | undefined {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return undefined;
  const path = pathOf(node.args[0]);
  if (path === undefined) return undefined;
  const step = node.args[1];
  if (typeof step === "string") return [...path, step];
  return [...path, step.op === "value" && typeof step.args === "string" ? step.args : ""];
}

/** Whether two expressions are the same but for where they stand. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((each, at) => isSame(each, other[at]));
  }
  if (typeof one === "object" && one !== null && "op" in one) {
    const [a, b] = [one as ASTNode, other as ASTNode];
    return typeof b === "object" && b !== null && a.op === b.op && isSame(a.args, b.args);
  }
  if (one instanceof Uint8Array) return other instanceof Uint8Array && one.toHex() === other.toHex();
  return Object.is(one, other);
}

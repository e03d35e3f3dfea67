// What a condition reads, told from its text: what it does not read is neither kept nor looked for.
import type { ASTNode } from "@marcbachmann/cel-js";
import { below, pathOf } from "./expression_tree.ts";

export interface Reads {
  /** Claims by name; "all" where it cannot be told which. */
  readonly claims: ReadonlySet<string> | "all";
  /** Members of the arguments, likewise. */
  readonly args: ReadonlySet<string> | "all";
  /** Whether it reads what the server says of a tool. */
  readonly hints: boolean;
  /** Every name of a member that stands in it: what differs from one in case only is another's to some readers. */
  readonly names: ReadonlySet<string>;
}

/** What is read of arguments, and how it is told. */
export type ReadsOfArguments = Pick<Reads, "args" | "names">;

export function readsOf(root: ASTNode): Reads {
  const names = { claims: new Set<string>(), args: new Set<string>() };
  const whole = { claims: false, args: false };
  let hints = false;
  const note = (of: "claims" | "args", name: string | undefined) => {
    if (name === undefined || name === "") whole[of] = true;
    else names[of].add(name);
  };
  const visit = (node: ASTNode): void => {
    const path = pathOf(node);
    if (path === undefined) return below(node).forEach(visit);
    const [variable, first, second] = path;
    if (variable === "args") note("args", first);
    if (variable === "principal" && (first === "claims" || first === undefined || first === "")) note("claims", second);
    if (variable === "tool" && first !== "name") hints = true;
    // What stands between brackets is read, too.
    for (let at = node; at.op === "." || at.op === "[]"; at = at.args[0]) {
      if (at.op === "[]" && at.args[1].op !== "value") visit(at.args[1]);
    }
  };
  visit(root);
  return {
    claims: whole.claims ? "all" : names.claims,
    args: whole.args ? "all" : names.args,
    hints,
    names: namesIn(root),
  };
}

function namesIn(node: ASTNode): ReadonlySet<string> {
  const own = node.op === "."
    ? [node.args[1]]
    : node.op === "value" && typeof node.args === "string"
    ? [node.args]
    : [];
  return below(node).reduce<ReadonlySet<string>>((all, child) => all.union(namesIn(child)), new Set(own));
}

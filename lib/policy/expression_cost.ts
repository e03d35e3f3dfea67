// What a condition can cost at most, counted before it ever runs; what nobody could bound has no place in a rule
// (docs/behaviour.md G4).
import type { ASTNode } from "@marcbachmann/cel-js";
import { MOST_VALUES } from "./arguments.ts";
import { ExpressionError, VARIABLES } from "./expression_error.ts";
import { below, pathOf } from "./expression_tree.ts";

/** Steps that one evaluation may take at most, some 20 ns each: a few milliseconds. */
export const MOST_STEPS = 100_000;
/** Steps of what reads a text, which is bounded by 8 KiB. */
const TEXT_STEPS = 8;

const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "filter", "map"]);
const METHODS: ReadonlySet<string> = new Set([
  ...LOOPS,
  ...["size", "startsWith", "endsWith", "contains", "lowerAscii", "upperAscii", "indexOf", "lastIndexOf", "substring"],
]);
const FUNCTIONS: ReadonlySet<string> = new Set(["size", "has", "string", "int", "double", "bool", "type", "dyn"]);
/** Refuses what has no place in a rule, and counts the steps that the rest can take. */
class Costs {
  /** @throws ExpressionError */
  of(node: ASTNode): number {
    const own = 1 + below(node).reduce((sum, child) => sum + this.of(child), 0);
    switch (node.op) {
      case "call":
        return own + this.#function(node.args[0], FUNCTIONS, node);
      case "rcall":
        this.#function(node.args[0], METHODS, node);
        return LOOPS.has(node.args[0]) ? this.#loop(node) : own + TEXT_STEPS;
      case "in":
        return own + this.#sizeOf(node.args[1]);
      case "==":
      case "!=":
        return own + (node.args.some((side) => this.#isSmall(side)) ? TEXT_STEPS : MOST_VALUES);
      case "+":
        return own + TEXT_STEPS;
      default:
        return own;
    }
  }

  #function(name: string, known: ReadonlySet<string>, node: ASTNode): number {
    if (known.has(name)) return TEXT_STEPS;
    const remedy = name === "matches"
      ? "A regular expression can take for ever: use startsWith, endsWith, contains, or a pattern of the rule."
      : `What may be called is ${[...FUNCTIONS, ...METHODS].join(", ")}.`;
    throw new ExpressionError(`${name}() cannot be used in a rule`, { at: node.start, remedy });
  }

  #loop(node: Extract<ASTNode, { op: "rcall" }>): number {
    const [, over, [variable, ...bodies]] = node.args;
    if (variable?.op === "id" && (VARIABLES as readonly string[]).includes(variable.args)) {
      const remedy = "Give what runs through the list another name.";
      throw new ExpressionError(`${variable.args} is read and set at once`, { at: variable.start, remedy });
    }
    return this.of(over) + this.#sizeOf(over) * (1 + bodies.reduce((sum, body) => sum + this.of(body), 0));
  }

  /** Whether comparing with it looks at little: a text, or one element of a list, whose sizes add up to the list's. */
  #isSmall(node: ASTNode): boolean {
    if (node.op === "value") return true;
    const path = pathOf(node);
    if (path === undefined) return false;
    const [variable, member] = path;
    if (variable === "args") return false;
    return variable !== "principal" || (member !== "claims" && member !== "scopes" && member !== "");
  }

  /** How many elements a list can have. */
  #sizeOf(node: ASTNode): number {
    if (node.op === "list") return node.args.length;
    if (node.op === "map") return node.args.length;
    if (node.op === "+") return this.#sizeOf(node.args[0]) + this.#sizeOf(node.args[1]);
    if (node.op === "?:") return Math.max(this.#sizeOf(node.args[1]), this.#sizeOf(node.args[2]));
    return MOST_VALUES;
  }
}

/** Steps that evaluating it can take. @throws ExpressionError for what cannot be used in a rule */
export function stepsOf(root: ASTNode): number {
  return new Costs().of(root);
}

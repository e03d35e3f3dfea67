// One condition of a rule: a CEL expression, compiled once, whose cost is bounded before it ever runs (docs/behaviour.md G4).
// What can take long on hostile input is refused at load: regular expressions, loops over loops, functions nobody needs.
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { MOST_STEPS, stepsOf } from "./expression_cost.ts";
import { ExpressionError, VARIABLES } from "./expression_error.ts";
import { type Reads, readsOf } from "./expression_reads.ts";
import { isSame } from "./expression_tree.ts";
import type { ToolHint } from "./hints.ts";

/** What an expression may read. `claims` and `args` hold no more than `MOST_VALUES` values each. */
export interface Scope {
  readonly principal: {
    readonly issuer: string;
    readonly subject: string;
    readonly client: string;
    readonly scopes: readonly string[];
    readonly claims: Readonly<Record<string, unknown>>;
  };
  readonly kind: string;
  readonly name: string;
  readonly method: string;
  readonly server: string;
  /** Of tools only. */
  readonly tool?: { readonly name: string } & Record<ToolHint, boolean>;
  /** Of calls only. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** One part of a condition that has to hold: what stands between the `&&` of its outermost level. */
export interface Part {
  readonly reads: Reads;
  /** @throws Error where it cannot be told: a member that is not there, types that do not fit, no truth value */
  holds(scope: Scope): boolean;
}

/** Characters of an expression. */
export const LONGEST = 2000;
const MOST_NODES = 200, DEEPEST = 20;

let environment: Environment | undefined;

function environmentOf(): Environment {
  return environment ??= new Environment({
    limits: {
      maxAstNodes: MOST_NODES,
      maxDepth: DEEPEST,
      maxListElements: 100,
      maxMapEntries: 50,
      maxCallArguments: 8,
    },
    homogeneousAggregateLiterals: false,
  })
    .registerVariable({
      name: "principal",
      schema: { issuer: "string", subject: "string", client: "string", scopes: "list<string>", claims: "map" },
    })
    .registerVariable({
      name: "tool",
      schema: { name: "string", readOnly: "bool", destructive: "bool", idempotent: "bool", openWorld: "bool" },
    })
    .registerVariable("kind", "string")
    .registerVariable("name", "string")
    .registerVariable("method", "string")
    .registerVariable("server", "string")
    .registerVariable("args", "map");
}

/** As much of the library's errors as is told on. */
interface CelFault {
  readonly summary?: string;
  readonly message?: string;
  readonly range?: { readonly start: number };
}

function faultOf(fault: unknown): ExpressionError {
  const { summary, message, range } = fault as CelFault;
  return new ExpressionError((summary ?? message ?? "it cannot be read").split("\n")[0]!, {
    at: range?.start,
    remedy: `Correct it; what can be read is ${VARIABLES.join(", ")}.`,
  });
}

/** Parentheses at the ends of an expression do not count as its own. Those in a text of it do here, which is found out. */
function balanced(text: string): string {
  const more = text.split("(").length - text.split(")").length;
  return "(".repeat(Math.max(0, -more)) + text + ")".repeat(Math.max(0, more));
}

/** The texts between the outermost `&&`; the whole where it cannot be taken apart. */
function partsOf(text: string, root: ASTNode): string[] {
  const conjuncts: ASTNode[] = [];
  const flatten = (node: ASTNode): void => {
    if (node.op !== "&&") return void conjuncts.push(node);
    node.args.forEach(flatten);
  };
  flatten(root);
  const texts = conjuncts.map(({ start, end }) => balanced(text.slice(start, end)));
  const sound = texts.every((part, at) => {
    try {
      return isSame(environmentOf().parse(part).ast, conjuncts[at]);
    } catch {
      return false;
    }
  });
  return sound ? texts : [text];
}

function compilePart(text: string): Part {
  const program = environmentOf().parse(text);
  const reads = readsOf(program.ast);
  program.check();
  return {
    reads,
    holds(scope) {
      const value: unknown = program(scope as unknown as Record<string, unknown>);
      if (typeof value !== "boolean") {
        throw new TypeError("judging by a condition: found no truth value, want true or false");
      }
      return value;
    },
  };
}

/** The parts of a condition, all of which have to hold. @throws ExpressionError */
export function compileCondition(text: string): readonly Part[] {
  if (text.length > LONGEST) {
    const remedy = "Take it apart into several rules.";
    throw new ExpressionError(`it has ${text.length} characters, ${LONGEST} is the most`, { remedy });
  }
  let parts: string[], steps: number;
  try {
    const program = environmentOf().parse(text);
    steps = stepsOf(program.ast);
    parts = partsOf(text, program.ast);
    const checked = program.check();
    if (!checked.valid) throw faultOf(checked.error);
    if (checked.type !== "bool" && checked.type !== "dyn") {
      throw new ExpressionError(`it is of type ${checked.type}`, {
        remedy: "Write a condition: something true or false.",
      });
    }
  } catch (fault) {
    throw fault instanceof ExpressionError ? fault : faultOf(fault);
  }
  if (steps > MOST_STEPS) {
    throw new ExpressionError(`it could take ${steps} steps, ${MOST_STEPS} is the most`, {
      remedy: "Use no loop inside another, and few in one expression.",
    });
  }
  return parts.map(compilePart);
}

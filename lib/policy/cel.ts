// One condition of a rule: a CEL expression, compiled once, whose cost is bounded before it ever runs (docs/behaviour.md G4).
// What can take long on hostile input is refused at load: regular expressions, loops over loops, functions nobody needs.
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { MOST_VALUES } from "./arguments.ts";
import type { ToolHint } from "./hints.ts";

/** What an expression reads, told from its text: what it does not read is neither kept nor looked for. */
export interface Reads {
  /** Claims by name; "all" where it cannot be told which. */
  readonly claims: ReadonlySet<string> | "all";
  /** Members of the arguments, likewise. */
  readonly args: ReadonlySet<string> | "all";
  /** Whether it reads what the server says of a tool. */
  readonly hints: boolean;
}

/** What an expression may read. `claims` and `args` hold no more than {@link MOST_VALUES} values each. */
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

/** What is wrong with an expression. `at`: where in its text, in characters from 0. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  readonly at: number | undefined;
  readonly remedy: string;

  constructor(message: string, options: { readonly at?: number | undefined; readonly remedy: string }) {
    super(message);
    this.at = options.at;
    this.remedy = options.remedy;
  }
}

/** Characters of an expression. */
export const LONGEST = 2000;
const MOST_NODES = 200, DEEPEST = 20;
/** Steps that one evaluation may take at most, some 20 ns each: a few milliseconds. */
const MOST_STEPS = 100_000;
/** Steps of what reads a text, which is bounded by 8 KiB. */
const TEXT_STEPS = 8;

const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "filter", "map"]);
const METHODS: ReadonlySet<string> = new Set([
  ...LOOPS,
  ...["size", "startsWith", "endsWith", "contains", "lowerAscii", "upperAscii", "indexOf", "lastIndexOf", "substring"],
]);
const FUNCTIONS: ReadonlySet<string> = new Set(["size", "has", "string", "int", "double", "bool", "type", "dyn"]);
const VARIABLES = ["principal", "kind", "name", "method", "server", "tool", "args"] as const;

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

/** The nodes directly below one, whatever it is. */
function below(node: ASTNode): ASTNode[] {
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

/** The path of names below a variable that a node stands for; undefined if it is none, "" for what is not told. */
function pathOf(node: ASTNode): readonly string[] | undefined {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return undefined;
  const path = pathOf(node.args[0]);
  if (path === undefined) return undefined;
  const step = node.args[1];
  if (typeof step === "string") return [...path, step];
  return [...path, step.op === "value" && typeof step.args === "string" ? step.args : ""];
}

function readsOf(root: ASTNode): Reads {
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
  };
}

/** Whether two expressions are the same but for where they stand. */
function isSame(one: unknown, other: unknown): boolean {
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
    steps = new Costs().of(program.ast);
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

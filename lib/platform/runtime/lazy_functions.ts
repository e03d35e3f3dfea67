// The functions of the language's own objects, asked for before anything has been compiled. JavaScriptCore makes each when
// it is first asked for, which gives its object another shape: whatever was compiled for the shape before (every
// `instanceof Promise`, every `Math.min`) fails a hundred times then, and is compiled again. On V8 this changes nothing.

/** By what they stand in; `lazy_functions_test.ts` holds that each is one. */
export const LAZY_FUNCTIONS: readonly (readonly [holder: object, names: readonly string[]])[] = [
  [Promise, ["all", "allSettled", "any", "race", "reject", "resolve", "try", "withResolvers"]],
  [Math, ["abs", "ceil", "floor", "imul", "max", "min", "random", "round", "trunc"]],
  [Number, ["isFinite", "isInteger", "isNaN", "isSafeInteger", "parseFloat", "parseInt"]],
  [Object, [
    "assign",
    "create",
    "defineProperty",
    "entries",
    "freeze",
    "fromEntries",
    "hasOwn",
    "is",
    "keys",
    "values",
  ]],
  [Array, ["from", "isArray", "of"]],
  [JSON, ["parse", "stringify"]],
  [Date, ["UTC", "now", "parse"]],
  [String, ["fromCharCode", "raw"]],
];

/** Of a process, once, and cheap: some fifty look-ups. */
export function makeLazyFunctions(): void {
  for (const [holder, names] of LAZY_FUNCTIONS) for (const name of names) Reflect.get(holder, name);
}

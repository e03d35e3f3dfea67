// What is wrong with the condition of a rule, in words, and where.

/** What conditions can read. */
export const VARIABLES = ["principal", "kind", "name", "method", "server", "tool", "args"] as const;

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

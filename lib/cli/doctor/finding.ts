// What one look has found: a line that says it is well, or what is wrong and the cure. Never a secret.
import { printable, sentence, type Style, wrap } from "../screen/text.ts";

export type Verdict = "ok" | "warn" | "fail" | "skip";

export interface Finding {
  readonly verdict: Verdict;
  /** What was looked at: `server`, `key`. */
  readonly what: string;
  /** What was found. */
  readonly found: string;
  /** A sentence; wanted for `warn` and `fail`. */
  readonly cure?: string;
}

export type Findings = AsyncIterable<Finding>;

const LABELS: Readonly<Record<Verdict, string>> = { ok: "ok", warn: "warn", fail: "FAIL", skip: "skip" };
const WHAT_WIDTH = 14;
const INDENT = " ".repeat(2 + 6 + WHAT_WIDTH);

export function formatFinding({ verdict, what, found, cure }: Finding, style: Style, width: number): string {
  const label = LABELS[verdict].padEnd(6);
  const shown = verdict === "fail" ? style.danger(label) : verdict === "ok" ? style.bold(label) : style.dim(label);
  const narrow = width < 60;
  const indent = narrow ? " ".repeat(4) : INDENT;
  const room = Math.max(20, width - indent.length);
  const lines = [...fold(printable(found), room), ...(cure === undefined ? [] : fold(sentence(printable(cure)), room))];
  const head = `  ${shown}${printable(what).padEnd(WHAT_WIDTH - 1)} `;
  if (narrow) return [head.trimEnd(), ...lines.map((line) => indent + line), ""].join("\n");
  return lines.map((line, index) => (index === 0 ? head : indent) + line + "\n").join("");
}

/** Words that are longer than a line, such as addresses, are broken. */
function fold(text: string, width: number): string[] {
  return wrap(text, width).flatMap((line) =>
    line.length <= width ? [line] : line.match(new RegExp(`.{1,${width}}`, "gs"))!
  );
}

/** What a look costs at most, in ms; then it has found that nobody answers. */
export async function timeBoxed<T>(ms: number, look: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(ms);
  const late = Promise.withResolvers<never>();
  const give = () => late.reject(new TimeBoxError(ms));
  signal.addEventListener("abort", give, { once: true });
  try {
    return await Promise.race([look(signal), late.promise]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}

export class TimeBoxError extends Error {
  override readonly name = "TimeBoxError";

  constructor(ms: number) {
    super(`looking: found no answer within ${ms / 1000} s`);
  }
}

/** In words that hold nothing secret. */
export function faultOf(error: unknown): string {
  if (error instanceof TimeBoxError) return error.message.replace("looking: found ", "");
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" ? code : String(message ?? error).replace(/https?:\/\/\S+/g, "…").slice(0, 200);
}

// What a credential command writes to stderr, line by line to the log, with nothing in it that it was given or has made.
import { Blanker } from "../../observe/blank.ts";
import type { Logger } from "../../observe/log.ts";
import { soundsSecret } from "../../observe/secret_names.ts";

const MAX_LINES = 20;
const MAX_LINE_CHARS = 4096;

export interface CommandWords {
  readonly stderr: Uint8Array;
  /** What it answered, or would have. */
  readonly stdout: Uint8Array;
  /** Of Signet, which the command inherits. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Every text in the answer and every word of each; all of it where it cannot be told what is in it. */
function secretsIn(stdout: Uint8Array): string[] {
  const text = new TextDecoder().decode(stdout);
  const texts: string[] = [];
  try {
    JSON.parse(text, (_, value) => {
      if (typeof value === "string") texts.push(value);
      return value;
    });
  } catch {
    texts.push(text);
  }
  // `Bearer abc` may be told as `abc`.
  return texts.flatMap((text) => [text, ...text.split(/[\s"'=:,;\\]+/).filter(({ length }) => length >= LEAST_WORD)]);
}

/** Shorter words are not worth what blanking them would hide. */
const LEAST_WORD = 4;

export function logCommandWords(log: Logger, { stderr, stdout, environment }: CommandWords): void {
  const lines = new TextDecoder().decode(stderr).split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length === 0) return;
  const inherited = Object.entries(environment).flatMap(([name, value]) => soundsSecret(name) ? [value] : []);
  const blanker = new Blanker([...secretsIn(stdout), ...inherited].filter((text) => text.trim() !== ""));
  const blanked = lines.map((line) => blanker.line(line));
  for (const line of blanked.slice(0, MAX_LINES)) {
    log.info("credential command says", { line: line.slice(0, MAX_LINE_CHARS) });
  }
  const left = lines.length - MAX_LINES;
  if (left > 0) log.warn("credential command said too much: lines left out", { lines: left });
}

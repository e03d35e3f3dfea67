// A credential by a command of the operator's: it prints one JSON object and ends.
//
//   { "values": { "API_TOKEN": "…" }, "expires_in": 3600 }    values, and seconds they are valid; without: for ever
//   { "error": "invalid_grant" }                              there will be none any more: sessions that need it end
//
// Anything else (another error, an exit code other than 0, no JSON, no end) may pass and is tried again.
import type { Logger } from "../../observe/log.ts";
import { isJsonObject, parseJson } from "../../platform/json.ts";
import { runToEnd } from "../../platform/process/child_process.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { logCommandWords } from "./command_words.ts";
import { CachedCredential, CredentialRejectedError, type CredentialSource } from "./credential.ts";

export interface CommandOutput {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Runs a command to its end, or until `signal` aborts. */
export type RunCommand = (command: string, args: readonly string[], signal: AbortSignal) => Promise<CommandOutput>;

export interface CommandCredentialOptions {
  /** Never given to a shell. */
  readonly command: string;
  readonly args: readonly string[];
  readonly run: RunCommand;
  readonly timers: Timers;
  readonly log: Logger;
  /** Of Signet, which the command inherits: its secrets stay out of the log. */
  readonly environment: Readonly<Record<string, string>>;
  /** What is wrong with a value for where it goes; undefined if nothing is. Default: nothing. */
  readonly problemOf?: (name: string, value: string) => string | undefined;
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

/** The system's way. The command gets Signet's own environment: it is the operator's, as Signet is. */
export const runCommand: RunCommand = runToEnd;

function isTexts(value: unknown): value is Record<string, string> {
  return isJsonObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function read(output: CommandOutput, nowMs: number): { values: Record<string, string>; expiresAtMs: number } {
  if (output.code !== 0) throw new Error(`running the credential command: found exit code ${output.code}, want 0`);
  let answer: unknown;
  try {
    answer = parseJson(new TextDecoder().decode(output.stdout));
  } catch {
    throw new Error("running the credential command: found output that is not JSON"); // and may hold the secret
  }
  if (isJsonObject(answer) && answer.error === "invalid_grant") {
    throw new CredentialRejectedError("running the credential command: it answered invalid_grant");
  }
  const { values, expires_in = Infinity } = isJsonObject(answer) ? answer : {};
  if (!isTexts(values) || typeof expires_in !== "number" || !(expires_in > 0)) {
    // What it holds may be the secret.
    throw new Error(
      'running the credential command: found other JSON, want {"values": {name: text}, "expires_in": seconds}',
    );
  }
  return { values, expiresAtMs: nowMs + expires_in * 1000 };
}

/** Of one that cannot go where it belongs every request would fail until it ends. */
function requireUsable(
  values: Readonly<Record<string, string>>,
  problemOf: NonNullable<CommandCredentialOptions["problemOf"]>,
): void {
  for (const [name, value] of Object.entries(values)) {
    const problem = problemOf(name, value);
    if (problem !== undefined) throw new Error(`running the credential command: found ${problem}`);
  }
}

export function commandCredential(options: CommandCredentialOptions): CredentialSource {
  const { command, args, run, timers, log, environment, problemOf, timeoutMs = 30_000 } = options;
  return new CachedCredential(async () => {
    const nowMs = timers.now();
    const abort = new AbortController();
    const cancel = timers.after(timeoutMs, () => abort.abort());
    try {
      const output = await run(command, args, abort.signal);
      logCommandWords(log, { ...output, environment });
      const credential = read(output, nowMs);
      if (problemOf !== undefined) requireUsable(credential.values, problemOf);
      return credential;
    } finally {
      cancel();
    }
  }, timers);
}

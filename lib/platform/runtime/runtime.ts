// Which runtime this is, and what it is good for. Deno is where Signet is developed and tested; Bun is what the executable
// that people install is compiled with. Asked here and nowhere else.
import process from "node:process";

export type RuntimeName = "deno" | "bun";

export const RUNTIME: RuntimeName = "Bun" in globalThis ? "bun" : "deno";

export interface RuntimeFacts {
  readonly runtime: RuntimeName;
  readonly version: string;
  /** Name and version of the JavaScript engine. */
  readonly engine: string;
  /** Such as `linux-x64`. */
  readonly target: string;
  readonly sqlite: string | undefined;
}

export function runtimeFacts(): RuntimeFacts {
  const versions: Readonly<Record<string, string | undefined>> = process.versions;
  return {
    runtime: RUNTIME,
    version: versions[RUNTIME] ?? "unknown",
    engine: RUNTIME === "bun" ? `JavaScriptCore ${versions.webkit?.slice(0, 12)}` : `V8 ${versions.v8}`,
    target: `${process.platform}-${process.arch}`,
    sqlite: versions.sqlite,
  };
}

/** Whether the runtime lets this program start others. Deno's permissions are part of an executable; Bun has none. */
export async function mayStartPrograms(): Promise<boolean> {
  if (RUNTIME === "bun") return true;
  return (await Deno.permissions.query({ name: "run" })).state === "granted";
}

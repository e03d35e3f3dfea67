// What a stdio server was given that nobody may read in a log (docs/behaviour.md B7): its credentials, the variables
// that are set or inherited for it, and what its command line calls a secret. What the allow-list hands down is none.
import { soundsSecret } from "../../observe/secret_names.ts";
import type { Machine, ServerCommand } from "./launch.ts";

/** Values that are words of a configuration and not secrets, unless their name says otherwise. */
const PLAIN_VALUE =
  /^(?:true|false|yes|no|on|off|\d{1,5}|trace|debug|info|warn|warning|error|development|production|test|stdio)$/i;

function mayBeSecret(name: string, value: string): boolean {
  return value.trim() !== "" && (soundsSecret(name) || !PLAIN_VALUE.test(value));
}

/** `--api-key VALUE` and `--api-key=VALUE`. */
function secretArguments(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const [, name = "", value] = /^-{1,2}([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (!soundsSecret(name)) return [];
    const given = value ?? args[index + 1] ?? "";
    return given === "" || given.startsWith("-") ? [] : [given];
  });
}

/** All of them; `credential` is what this start was given besides. */
export function secretsOf(
  server: ServerCommand,
  machine: Machine,
  credential: Readonly<Record<string, string>>,
): string[] {
  const inherited = (server.inherit ?? []).map((name) => [name, machine.environment[name] ?? ""] as const);
  const given = [...inherited, ...Object.entries(server.env ?? {})]
    .flatMap(([name, value]) => mayBeSecret(name, value) ? [value] : []);
  return [...Object.values(credential), ...given, ...secretArguments(server.args)];
}

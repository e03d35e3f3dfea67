// Which running Signet a command asks. On the command line --admin is where it is reached, by address or URL; in the
// environment and in the file it is the setting that `serve` listens by, so that both can share them.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import type { SettingKey } from "../../config/schema.ts";
import { adminUrl, dialled } from "../../config/values/admin_url.ts";
import { certificateWords } from "../../platform/faults/certificate_fault.ts";
import { type CommandContext, CommandFailure, EXIT } from "../command.ts";
import { sourcesOf } from "../sources.ts";

export const ADMIN_FLAG: OwnFlag<string> = {
  name: "admin",
  doc: "Admin listener of the running Signet [127.0.0.1:9090] [SIGNET_ADMIN]",
  kind: adminUrl,
};

/** Settings of a command that asks it, beside the flag: what it is asked with, and whether that file may be another user's. */
export const ADMIN_SETTINGS: readonly SettingKey[] = ["admin", "adminTokenFile", "unsafeFiles"];

/**
 * Its URL, without a path.
 * @param attempted for messages: `asking for readiness`
 * @throws CommandFailure where there is no address to ask, ConfigError where it cannot be understood
 */
export async function adminBase(context: CommandContext, attempted: string): Promise<string> {
  const given = ownValue(context.flags, ADMIN_FLAG);
  if (given !== undefined) return given;
  const { loadSome } = await import("../../config/load.ts");
  const { settings: { admin }, places } = await loadSome(["admin"], sourcesOf(context));
  if (admin !== "off" && admin.port !== 0) return `http://${dialled(admin)}`;
  const found = admin === "off" ? "the admin listener is off" : "the admin listener takes any free port";
  throw new CommandFailure(
    EXIT.usage,
    `${attempted}: ${found} (${places.get("admin") ?? "--admin"})`,
    "Set --admin to the address `signet serve` was given.",
  );
}

/** What came in an answer's place, by what the codes and messages of either runtime hold. */
const FAULTS: readonly (readonly [words: string, said: RegExp])[] = [
  ["nobody listens there", /ECONNREFUSED|Connection refused/],
  ["the name does not resolve", /ENOTFOUND|EAI_AGAIN|lookup address/],
  ["what answers there speaks no TLS", /EPROTO|corrupt message/],
  ["what answers there speaks no HTTP", /HPE_|Parse Error/],
  ["the connection was closed without an answer", /ECONNRESET|hang up|reset by peer/],
];

/** Why there was no answer of a Signet, in words that follow its address. @param timeoutMs of the question */
export function unanswered(fault: unknown, timeoutMs: number): string {
  const { name, cause, code, message } = (fault ?? {}) as Readonly<Record<string, unknown>>;
  // `node:http` says that it was ended, and why beside it.
  const names = [name, (cause as { readonly name?: unknown } | undefined)?.name];
  if (names.includes("TimeoutError")) return `no answer within ${timeoutMs / 1000} s`;
  const [words] = FAULTS.find(([, said]) => said.test(`${code} ${message}`)) ?? [];
  return certificateWords(fault) ?? certificateWords(cause) ?? words ?? "nobody answers";
}

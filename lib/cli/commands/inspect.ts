// `signet inspect ID`: opens a session id with the configured ring and tells what it says. Names of sealed headers,
// never their values; an id that does not open is told apart by nothing, as outside (docs/behaviour.md E8).
import { ownValue } from "../../config/flags.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import type { OpenSessionResult } from "../../envelope/session_id.ts";
import { decodeSeveralId, type SealedMember, SEVERAL_URL } from "../../envelope/several_id.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { jsonIfAsked, printJson } from "../screen/output.ts";
import { printable } from "../screen/text.ts";
import { formatTime } from "../screen/times.ts";
import { sourcesOf } from "../sources.ts";
import { readWord } from "../words.ts";

const JSON_FLAG = jsonIfAsked("One JSON value");

type Opened = Extract<OpenSessionResult, { ok: true }>;

interface DescribeOptions {
  readonly ring: KeyRing;
  readonly nowMs: number;
  readonly redact: typeof import("../../observe/redact.ts");
}

function describe(opened: Opened, options: DescribeOptions): (readonly [string, string])[] {
  const { session, key } = opened;
  const { ring, nowMs, redact: { redactUrl, shortHash } } = options;
  const shown = (url: string) => shownUrl(url, redactUrl);
  // L8: now == expiry is expired.
  const expired = nowMs >= session.expiresAtMs ? "EXPIRED " : "";
  const client = [session.clientInfo["name"], session.clientInfo["version"]].map(printable).join(" ").trim();
  const capabilities = Object.keys(session.capabilities).sort().map(printable).join(", ");
  return [
    ["owner", session.owner],
    ["in the log", `session=${shortHash(session.sid)}`],
    ["issued", formatTime(session.issuedAtMs, nowMs)],
    ["expires", expired + formatTime(session.expiresAtMs, nowMs)],
    ["key", `${key.id}${key === ring.active ? "" : " (opens only; no longer seals)"}`],
    ["protocol", printable(session.protocolVersion)],
    ["client", client === "" ? "(unnamed)" : client],
    ["capabilities", capabilities === "" ? "(none)" : capabilities],
    ...(session.home === undefined ? [] : [["home", printable(session.home)] as const]),
    ...Object.entries(session.upstreams).flatMap(([url, headers]) => [
      ["upstream", printable(shown(url))] as const,
      ["  headers", Object.keys(headers).sort().map(printable).join(", ") || "(none)"] as const,
      ...(url === SEVERAL_URL ? membersOf(headers[SESSION_ID_FIELD]) : []).map(({ name, url, state }) =>
        [
          "  member",
          `${name} = ${printable(shown(url))}${
            state === undefined && !url.startsWith("stdio:") ? " (no session)" : ""
          }`,
        ] as const
      ),
    ]),
  ];
}

/** The same as one value, for programs: what is escaped for a terminal above is as it was sealed here. */
function factsOf({ session, key }: Opened, { ring, nowMs, redact: { redactUrl, shortHash } }: DescribeOptions) {
  const shown = (url: string) => shownUrl(url, redactUrl);
  const { owner, sid, issuedAtMs, expiresAtMs, protocolVersion, clientInfo, capabilities, home, upstreams } = session;
  return {
    ...{ owner, hash: shortHash(sid), issuedAtMs, expiresAtMs, expired: nowMs >= expiresAtMs },
    ...{ key: key.id, seals: key === ring.active, protocolVersion },
    client: { name: clientInfo["name"], version: clientInfo["version"] },
    capabilities: Object.keys(capabilities).sort(),
    ...(home === undefined ? {} : { home }),
    upstreams: Object.entries(upstreams).map(([url, headers]) => ({
      url: shown(url),
      headers: Object.keys(headers).sort(),
      ...(url === SEVERAL_URL
        ? { members: membersOf(headers[SESSION_ID_FIELD]).map(({ name, url }) => ({ name, url: shown(url) })) }
        : {}),
    })),
  };
}

/** What is no address holds nothing to redact. */
function shownUrl(url: string, redact: (url: string) => string): string {
  return /^(?:stdio|several):/.test(url) ? url : redact(url);
}

/** Those of a session over several servers: names and addresses, never what they call the session. */
function membersOf(id: string | undefined): readonly SealedMember[] {
  return id === undefined ? [] : decodeSeveralId(id)?.members ?? [];
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [{ requireKeys }, { openSession }, { loadSome }, redact] = await Promise.all([
    import("../configuration.ts"),
    import("../../envelope/session_id.ts"),
    import("../../config/load.ts"),
    import("../../observe/redact.ts"),
  ]);
  const { settings } = await loadSome(["keyFile", "maxIdLength"], sourcesOf(context));
  const id = await readWord(context, 0, { what: "session id", command: "signet inspect" });
  const { ring } = await requireKeys(
    context,
    new CommandFailure(
      EXIT.usage,
      "opening the id: no key is configured",
      "Set --key-file or MCP_ENCRYPTION_KEY to the ring of the Signet that issued it.",
    ),
  );
  const opened = openSession(ring, id, { maxLength: settings.maxIdLength });
  if (!opened.ok) {
    throw new CommandFailure(
      EXIT.failedCheck,
      "the id does not open: it is not a session id of these keys, or it was altered",
      "Compare `signet keys list` with the replica that issued it.",
    );
  }
  const nowMs = context.now();
  const told = { ring, nowMs, redact };
  if (ownValue(context.flags, JSON_FLAG) === true) printJson(context, factsOf(opened, told));
  else for (const [label, text] of describe(opened, told)) context.stdout(`${label.padEnd(14)}${text}\n`);
  return nowMs >= opened.session.expiresAtMs ? EXIT.failedCheck : EXIT.done;
}

export const inspect: Command = {
  name: "inspect",
  summary: "tell what a session id says: owner, age, expiry, key, upstreams",
  description: [
    "Never shows a sealed value. - reads the id from standard input, where no process list shows it.",
    "Exit code 1 if the id does not open or has expired. Revocations are not looked up.",
  ],
  arguments: [{ name: "ID" }],
  examples: ["signet inspect ID --key-file signet.key", "pbpaste | signet inspect - --key-file signet.key"],
  settings: ["keyFile", "maxIdLength", "unsafeFiles"],
  own: [JSON_FLAG],
  run,
};

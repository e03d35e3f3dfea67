// Several MCP servers behind one session: what their tools are called, how long they may take, what of them clients see,
// and which of them gets whose credential (docs/behaviour.md A1–A8).
import { NAME_SEPARATOR } from "../../envelope/several_id.ts";
import { rowsOf } from "../setting.ts";
import { type Kind, quoted, unfit } from "../values/kinds.ts";
import { duration } from "../values/quantities.ts";
import { MINUTE, SECOND } from "../values/units.ts";

const rows = rowsOf("Several servers");

const separator: Kind<string> = {
  metavar: "TEXT",
  parse(text) {
    if (NAME_SEPARATOR.test(text)) return { value: text };
    return unfit(`${quoted(text)} cannot stand in the name of a tool`, "Write one to three of _ and -.");
  },
  format: (value) => value,
};

/** `member/pattern` or `pattern`, in which `*` is any text and `?` any one character. */
const pattern: Kind<string> = {
  metavar: "[NAME/]PATTERN",
  parse(text) {
    if (/^[A-Za-z][\w-]*\/$/.test(text)) {
      return unfit("this names a server, and nothing of it", `Write ${text}* for all that it has.`);
    }
    if (text.trim() !== "" && text.length <= 1024) return { value: text };
    return unfit("this is no pattern", "Write NAME/PATTERN or PATTERN, such as github/create_*.");
  },
  format: (value) => value,
  separator: /[\s,]+/,
};

/** Which credential a member gets. */
export interface MemberCredential {
  readonly member: string;
  /** `none`, the client's own, Signet's (`--credential`), or a token that is alone in a file. */
  readonly source: "none" | "client" | "signet" | "file";
  readonly path?: string;
}

const memberCredential: Kind<MemberCredential> = {
  metavar: "NAME=SOURCE",
  parse(text) {
    const [, member = "", source = "", path] = /^([A-Za-z][\w-]*)=(none|client|signet|file)(?::(.+))?$/s.exec(text) ??
      [];
    if (member !== "" && (source === "file") === (path !== undefined)) {
      const value = { member, source: source as MemberCredential["source"] };
      return { value: path === undefined ? value : { ...value, path } };
    }
    return unfit("this names no server's credential", "Write NAME=none, NAME=client, NAME=signet or NAME=file:PATH.");
  },
  format: ({ member, source, path }) => `${member}=${source}${path === undefined ? "" : `:${path}`}`,
  fileOf: ({ path }) => path,
};

/** How long one member may take. */
export interface MemberTimeout {
  readonly member: string;
  readonly timeoutMs: number;
}

const memberDuration = duration({ min: 100, max: 10 * MINUTE });

const memberTimeout: Kind<MemberTimeout> = {
  metavar: "NAME=DURATION",
  parse(text) {
    const [, member, given] = /^([A-Za-z][\w-]*)=(.+)$/s.exec(text) ?? [];
    if (member === undefined) return unfit("this names no server's time", "Write NAME=DURATION, such as github=5s.");
    const parsed = memberDuration.parse(given!);
    return "value" in parsed ? { value: { member, timeoutMs: parsed.value } } : parsed;
  },
  format: ({ member, timeoutMs }) => `${member}=${memberDuration.format(timeoutMs)}`,
};

/** What a tool of a member is called, or described as, in place of what its server says. */
export interface ToolText {
  readonly member: string;
  readonly tool: string;
  readonly text: string;
}

function toolText(metavar: string, fits: (text: string) => boolean): Kind<ToolText> {
  return {
    metavar,
    parse(text) {
      const [, member, tool, given] = /^([A-Za-z][\w-]*)\/([^=]+)=(.+)$/s.exec(text) ?? [];
      if (member !== undefined && fits(given!)) return { value: { member, tool: tool!, text: given! } };
      return unfit("this is no text for a server's tool", `Write ${metavar}, with the server's own name for the tool.`);
    },
    format: ({ member, tool, text }) => `${member}/${tool}=${text}`,
    separator: /\n+/,
  };
}

export const SEVERAL = {
  nameSeparator: rows.one(separator, {
    name: "name-separator",
    default: "_",
    doc: "Between the name of a server and that of its tool: github_create_issue",
  }),
  memberTimeoutMs: rows.one(memberDuration, {
    name: "member-timeout",
    default: 10 * SECOND,
    doc: "For each of several servers to answer initialize or a list; one that does not is left out, and reported",
  }),
  memberCredentials: rows.many(memberCredential, {
    name: "member-credential",
    doc:
      "Which credential one of several servers gets: none (the default), client (its own), signet (--credential), or file:PATH (a Bearer token)",
  }),
  memberTimeouts: rows.many(memberTimeout, {
    name: "member-timeout-of",
    doc: "The same for one of several servers",
  }),
  renameTools: rows.many(toolText("NAME/TOOL=NEW", (text) => /^[A-Za-z0-9_-]{1,40}$/.test(text)), {
    name: "rename-tool",
    doc: "What a server's tool is called behind the server's name; several in one value stand on lines of their own",
  }),
  describeTools: rows.many(toolText("NAME/TOOL=TEXT", (text) => text.length <= 4096), {
    name: "describe-tool",
    doc: "What a server's tool is described as; several in one value stand on lines of their own",
  }),
  allowTools: rows.many(pattern, {
    name: "allow-tool",
    doc: "Tools of several servers that clients may see and call; without one, all. * is any text, ? any character",
  }),
  denyTools: rows.many(pattern, { name: "deny-tool", doc: "Tools they may not, whatever is allowed" }),
  allowPrompts: rows.many(pattern, { name: "allow-prompt", doc: "The same for prompts" }),
  denyPrompts: rows.many(pattern, { name: "deny-prompt", doc: "The same for prompts" }),
  allowResources: rows.many(pattern, {
    name: "allow-resource",
    doc: "The same for the servers' own URIs of resources",
  }),
  denyResources: rows.many(pattern, { name: "deny-resource", doc: "The same for the servers' own URIs of resources" }),
} as const;

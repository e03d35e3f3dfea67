// Where an audit log goes, and which arguments it shows.
import type { SyslogTarget } from "../../audit/syslog_sink.ts";
import { formatAuthority } from "../../http1/wire/authority.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";

export type AuditTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stdout" }
  | { readonly kind: "syslog"; readonly target: SyslogTarget };

const SYSLOG_REMEDY = "Write syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT, or syslog:unix:PATH of a stream socket.";

function parseSyslog(text: string): Parsed<AuditTarget> {
  const path = /^syslog:unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { value: { kind: "syslog", target: { transport: "unix", path } } };
  const [, transport, bracketed, plain, digits = "514"] =
    /^syslog:(udp|tcp):\/\/(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const hostname = bracketed ?? plain;
  const port = Number(digits);
  if (hostname === undefined || port < 1 || port > 65_535) {
    return unfit(`${quoted(text)} names no syslog collector`, SYSLOG_REMEDY);
  }
  return { value: { kind: "syslog", target: { transport: transport as "udp" | "tcp", hostname, port } } };
}

function formatSyslog(target: SyslogTarget): string {
  if (target.transport === "unix") return `syslog:unix:${target.path}`;
  return `syslog:${target.transport}://${formatAuthority(target.hostname, target.port)}`;
}

export const auditTarget: Kind<AuditTarget> = {
  metavar: "FILE|stdout|syslog:…",
  parse(text) {
    if (text.trim() === "") return unfit("the value is blank", "Name a file, stdout or syslog:….");
    if (text === "stdout") return { value: { kind: "stdout" } };
    if (/^\s*(-|stdout|stderr)\s*$/i.test(text)) {
      return unfit(`${quoted(text)} is no file that is meant`, "Write stdout; a file that is called so is ./stdout.");
    }
    if (/^syslog:/i.test(text)) return parseSyslog(text);
    return { value: { kind: "file", path: text } };
  },
  format(value) {
    return value.kind === "file" ? value.path : value.kind === "stdout" ? "stdout" : formatSyslog(value.target);
  },
  madeFileOf: (value) => value.kind === "file" ? value.path : undefined,
  socketOf: (value) => value.kind === "syslog" && value.target.transport === "unix" ? value.target.path : undefined,
};

/** A member of a tool's arguments. */
export interface AuditArgument {
  /** `*`: of any. */
  readonly tool: string;
  /** From the arguments' own members inwards. */
  readonly path: readonly string[];
}

export const auditArgument: Kind<AuditArgument> = {
  metavar: "TOOL:PATH",
  parse(text) {
    const at = text.lastIndexOf(":");
    const tool = text.slice(0, at), path = text.slice(at + 1).split(".");
    if (at < 1 || path.some((name) => name === "") || path.length > 8) {
      return unfit(`${quoted(text)} names no member`, "Write TOOL:MEMBER, or TOOL:OUTER.INNER for one further in.");
    }
    return { value: { tool, path } };
  },
  format: ({ tool, path }) => `${tool}:${path.join(".")}`,
};

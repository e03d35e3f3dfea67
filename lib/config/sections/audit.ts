// What is recorded of calls: the audit log and the access log.
import { rowsOf } from "../setting.ts";
import { auditArgument, auditTarget } from "../values/audit_target.ts";
import { choice } from "../values/kinds.ts";

const rows = rowsOf("Audit");

export const AUDIT = {
  audit: rows.optional(auditTarget, {
    name: "audit",
    doc:
      "Record every call, refusal, session, token and reload as a JSON line of a keyed chain: file, stdout or syslog",
  }),
  auditWhenFull: rows.one(choice(["drop", "wait"]), {
    name: "audit-when-full",
    default: "drop",
    doc: "Where the audit log takes nothing: drop lines and count them, or let requests wait and refuse them",
  }),
  auditArguments: rows.one(choice(["none", "digest"]), {
    name: "audit-arguments",
    default: "none",
    doc: "What of tools' arguments is in the audit log: nothing, or a keyed digest",
  }),
  auditArgument: rows.many(auditArgument, {
    name: "audit-argument",
    doc: "A member of a tool's arguments that the audit log shows; * for any tool",
  }),
  accessLog: rows.flag({
    name: "access-log",
    doc: "A line of the log for every request",
  }),
} as const;

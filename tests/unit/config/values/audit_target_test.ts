// Where the audit log goes, as one value.
import assert from "node:assert/strict";
import { auditTarget } from "../../../../lib/config/values/audit_target.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";

Deno.test("what is meant for a stream or a collector makes no file of its name", STRICT, () => {
  for (const text of ["-", "STDOUT", " stdout", "Stdout ", "stderr"]) {
    assert.match(problemOf(auditTarget, text), /is no file.*Write stdout/, text);
  }
  for (const text of ["SYSLOG:udp://log.example:514", "Syslog:"]) {
    assert.match(problemOf(auditTarget, text), /names no syslog collector/, text);
  }
  assert.deepEqual(valueOf(auditTarget, "stdout"), { kind: "stdout" });
  for (const path of ["./-", "./stdout", "stdout.jsonl", "/var/log/signet/audit.jsonl"]) {
    assert.deepEqual(valueOf(auditTarget, path), { kind: "file", path });
  }
});

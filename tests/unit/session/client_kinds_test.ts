// What sessions of one kind of client share, and that it is bounded.
import assert from "node:assert/strict";
import type { OwnerFingerprint } from "../../../lib/envelope/owner_fingerprint.ts";
import type { SealedSession } from "../../../lib/envelope/session_payload.ts";
import { ClientKinds } from "../../../lib/session/client_kinds.ts";
import { STRICT } from "../../support/strict.ts";

function sealedFor(name: string, sid: string, extra = ""): SealedSession {
  return {
    sid,
    owner: "owner" as OwnerFingerprint,
    issuedAtMs: 1,
    expiresAtMs: 2,
    protocolVersion: "2025-11-25",
    clientInfo: { name, version: "1", extra },
    capabilities: { roots: { listChanged: true } },
    upstreams: { "http://a.test": { "mcp-session-id": sid } },
  };
}

Deno.test("ClientKinds gives sessions of one kind of client the same objects, and changes nothing else", STRICT, () => {
  const kinds = new ClientKinds();
  const [first, second] = [kinds.shared(sealedFor("c", "1")), kinds.shared(sealedFor("c", "2"))];
  assert.deepEqual([first, second], [sealedFor("c", "1"), sealedFor("c", "2")]);
  assert.equal(first.clientInfo, second.clientInfo);
  assert.equal(first.capabilities, second.capabilities);
  const other = kinds.shared(sealedFor("d", "3"));
  assert.deepEqual(other, sealedFor("d", "3"));
  assert.notEqual(other.clientInfo, first.clientInfo);
});

Deno.test("ClientKinds is bounded in number and length, whatever clients say", STRICT, () => {
  const kinds = new ClientKinds();
  for (let i = 0; i < 2000; i++) assert.deepEqual(kinds.shared(sealedFor(`c${i}`, "1")), sealedFor(`c${i}`, "1"));
  assert.ok(kinds.size <= 256, `${kinds.size} kinds`);
  const before = kinds.size;
  const long = sealedFor("c", "1", "x".repeat(3000));
  assert.equal(kinds.shared(long), long);
  assert.equal(kinds.size, before);
});

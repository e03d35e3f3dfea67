// What sessions of one kind of client share, and that it is bounded.
import assert from "node:assert/strict";
import { ClientKinds, type Said } from "../../../lib/envelope/client_kinds.ts";
import type { OwnerFingerprint } from "../../../lib/envelope/owner_fingerprint.ts";
import { decodeSession, encodeSession } from "../../../lib/envelope/session_payload.ts";
import { STRICT } from "../../support/strict.ts";

function saidBy(name: string, extra = ""): Said {
  return {
    protocolVersion: "2025-11-25",
    clientInfo: { extra, name, version: "1" },
    capabilities: { roots: { listChanged: true } },
  };
}

function payloadOf(said: Said, sid = "A".repeat(22)): string {
  return encodeSession({
    sid,
    owner: "B".repeat(21) + "A" as OwnerFingerprint,
    issuedAtMs: 1_000,
    expiresAtMs: 61_000,
    ...said,
    upstreams: { "http://a.test": { "mcp-session-id": sid } },
  });
}

Deno.test("ClientKinds gives clients of one kind the same objects, and changes nothing else", STRICT, () => {
  const kinds = new ClientKinds();
  const [first, second] = [kinds.shared(saidBy("c")), kinds.shared(saidBy("c"))];
  assert.deepEqual([first, second], [saidBy("c"), saidBy("c")]);
  assert.equal(first.clientInfo, second.clientInfo);
  assert.equal(first.capabilities, second.capabilities);
  const other = kinds.shared(saidBy("d"));
  assert.deepEqual(other, saidBy("d"));
  assert.notEqual(other.clientInfo, first.clientInfo);
});

Deno.test("ClientKinds gives sessions that are decoded the same objects, whoever was decoded before", STRICT, () => {
  const kinds = new ClientKinds();
  const initialized = kinds.shared(saidBy("c0"));
  for (const round of ["A", "Q"]) {
    for (let i = 0; i < 20; i++) {
      // The names begin alike: c1, c10, c11, …
      const payload = payloadOf(saidBy(`c${i}`), "A".repeat(21) + round);
      const decoded = decodeSession(payload, kinds);
      assert.deepEqual(decoded, decodeSession(payload));
      assert.equal(decoded?.clientInfo, decodeSession(payload, kinds)?.clientInfo);
      if (i === 0) assert.equal(decoded?.clientInfo, initialized.clientInfo);
    }
  }
  assert.equal(kinds.size, 20);
});

Deno.test(
  "ClientKinds tells what a payload says by all of it: a name that begins like another's is another",
  STRICT,
  () => {
    const kinds = new ClientKinds();
    const says = [
      saidBy("c"),
      { ...saidBy("c"), protocolVersion: "2025-06-18" },
      { ...saidBy("c"), capabilities: {} },
      { ...saidBy("c"), capabilities: { roots: { listChanged: false } } },
      { ...saidBy("c"), clientInfo: {} },
      // In canonical order, which is not the one that an object keeps.
      { ...saidBy("c"), clientInfo: { "10": 1, "9": 2, name: "c" } },
      saidBy('c","version":"1'),
      saidBy("é\ud800"),
    ];
    for (let round = 0; round < 2; round++) {
      for (const said of says) assert.deepEqual(decodeSession(payloadOf(said), kinds), decodeSession(payloadOf(said)));
    }
  },
);

Deno.test("ClientKinds is bounded in number and length, whatever clients say", STRICT, () => {
  const kinds = new ClientKinds();
  for (let i = 0; i < 2000; i++) assert.deepEqual(kinds.shared(saidBy(`c${i}`)), saidBy(`c${i}`));
  assert.ok(kinds.size <= 256, `${kinds.size} kinds`);
  const before = kinds.size;
  const long = saidBy("c", "x".repeat(3000));
  assert.equal(kinds.shared(long), long);
  assert.deepEqual(decodeSession(payloadOf(long), kinds), decodeSession(payloadOf(long)));
  assert.equal(kinds.size, before);
});

// Payloads that are read by the form of one before them: what is read is what parsing reads, and what is plain alone.
import assert from "node:assert/strict";
import type { OwnerFingerprint } from "../../../lib/envelope/owner_fingerprint.ts";
import { SessionForms } from "../../../lib/envelope/session_forms.ts";
import { decodeSession, encodeSession, type SealedSession } from "../../../lib/envelope/session_payload.ts";
import { STRICT } from "../../support/strict.ts";

const URL = "http://a.test/mcp";
const SESSION: SealedSession = {
  sid: "A".repeat(22),
  owner: "B".repeat(21) + "A" as OwnerFingerprint,
  issuedAtMs: 1_764_146_000_000,
  expiresAtMs: 1_764_232_400_000,
  protocolVersion: "2025-11-25",
  clientInfo: { name: "c", version: "1" },
  capabilities: {},
  upstreams: { [URL]: { "mcp-session-id": "0123456789abcdef" } },
};
const encoder = new TextEncoder();

/** Decoded where other bytes lie before and behind it. */
function decode(forms: SessionForms, payload: string | Uint8Array): SealedSession | undefined {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const around = new Uint8Array(bytes.length + 20).fill(0x22);
  around.set(bytes, 7);
  return forms.decode(around, 7, 7 + bytes.length);
}

function knowing(...sessions: readonly SealedSession[]): SessionForms {
  const forms = new SessionForms();
  for (const session of sessions) assert.deepEqual(decode(forms, encodeSession(session)), session);
  return forms;
}

const others: Readonly<Record<string, Partial<SealedSession>>> = {
  "another session of another server's name": {
    sid: "-_".repeat(10) + "aQ",
    upstreams: { [URL]: { "mcp-session-id": "another, {longer} [name]" } },
  },
  "another owner": { owner: "C".repeat(21) + "w" as OwnerFingerprint },
  "an empty name": { upstreams: { [URL]: { "mcp-session-id": "" } } },
  "times of one digit": { issuedAtMs: 0, expiresAtMs: 0 },
  "times of the most digits": { issuedAtMs: 2 ** 52, expiresAtMs: 2 ** 53 - 1 },
  "quotes in a name": { upstreams: { [URL]: { "mcp-session-id": 'a"}},"b\\' } } },
  "a name beyond ASCII": { upstreams: { [URL]: { "mcp-session-id": "é😀\u2028\x7f\x01" } } },
  "no name": { upstreams: { [URL]: {} } },
  "another header": { upstreams: { [URL]: { "mcp-session-id": "a", "x-tenant": "t" } } },
  "another server": { upstreams: { "http://b.test/mcp": { "mcp-session-id": "a" } } },
  "two servers": { upstreams: { [URL]: { "mcp-session-id": "a" }, "http://b.test": { "mcp-session-id": "b" } } },
  "a home": { home: "http://10.0.0.1:8080" },
  "another kind of client": { clientInfo: { name: "d", version: "1" }, capabilities: { roots: {} } },
  "a client that is named as what follows": { clientInfo: { name: '","mcp-session-id":"' } },
};

for (const [what, other] of Object.entries(others)) {
  Deno.test(`SessionForms reads ${what} as it is, whichever came before`, STRICT, () => {
    const session = { ...SESSION, ...other };
    for (const forms of [knowing(SESSION), knowing(SESSION, session), knowing(session, SESSION, session)]) {
      for (const each of [session, SESSION, session]) assert.deepEqual(decode(forms, encodeSession(each)), each);
    }
  });
}

Deno.test("SessionForms reads a payload of any single byte changed as parsing does", STRICT, () => {
  const plain = encoder.encode(encodeSession({ ...SESSION, home: "http://h.test" }));
  const forms = knowing({ ...SESSION, home: "http://h.test" });
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let at = 0; at < plain.length; at++) {
    for (
      const byte of [0x00, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x41, 0x42, 0x5c, 0x5d, 0x65, 0x7f, 0xc3]
    ) {
      const bytes = plain.slice();
      bytes[at] = byte;
      let wanted: SealedSession | undefined;
      try {
        wanted = decodeSession(utf8.decode(bytes));
      } catch {
        // not UTF-8
      }
      assert.deepEqual(decode(forms, bytes), wanted, `byte ${at} is ${byte}`);
    }
  }
});

Deno.test("SessionForms takes no payload that is cut, or goes on", STRICT, () => {
  const forms = knowing(SESSION);
  const payload = encodeSession(SESSION);
  for (let length = 0; length < payload.length; length++) {
    assert.equal(decode(forms, payload.slice(0, length)), undefined);
  }
  assert.equal(decode(forms, `${payload} ]`), undefined);
  assert.equal(decode(forms, payload + payload), undefined);
});

Deno.test("SessionForms gives sessions of one kind of client and one owner the same objects", STRICT, () => {
  const forms = knowing(SESSION);
  const [first, second] = ["A", "Q"].map((end) =>
    decode(forms, encodeSession({ ...SESSION, sid: "A".repeat(21) + end }))
  );
  assert.notEqual(first?.sid, second?.sid);
  assert.equal(first?.clientInfo, second?.clientInfo);
  assert.equal(first?.capabilities, second?.capabilities);
  assert.equal(first?.clientInfo, forms.kinds.shared(SESSION).clientInfo);
});

Deno.test("SessionForms reads as many kinds as take turns", STRICT, () => {
  const sessions = Array.from({ length: 20 }, (_, i) => ({ ...SESSION, clientInfo: { name: `c${i}` } }));
  const forms = knowing(...sessions);
  for (let round = 0; round < 3; round++) {
    for (const session of sessions) assert.deepEqual(decode(forms, encodeSession(session)), session);
  }
});

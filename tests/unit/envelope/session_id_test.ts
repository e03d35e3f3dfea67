import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { encodeBase62 } from "../../../lib/envelope/base62.ts";
import { KeyRing, MasterKey, parseKeyRing } from "../../../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../../../lib/envelope/owner_fingerprint.ts";
import { seal } from "../../../lib/envelope/seal.ts";
import { newSid, openSession, sealSession, SessionTooLongError } from "../../../lib/envelope/session_id.ts";
import type { SealedSession } from "../../../lib/envelope/session_payload.ts";
import { SignetError } from "../../../lib/errors.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/sessions.json" with { type: "json" };

const ring = parseKeyRing(vectors[0]!.key, "vectors");
const key = ring.active;
const typical = vectors[0]!.session as unknown as SealedSession;

function opened(id: string): SealedSession {
  const result = openSession(ring, id);
  assert(result.ok);
  return result.session;
}

function withInfo(extra: Record<string, unknown>): SealedSession {
  return { ...typical, clientInfo: { ...typical.clientInfo, ...extra } };
}

Deno.test("E1: sealSession gives the id of every committed vector", STRICT, () => {
  for (const { key, session, id } of vectors) {
    assert.equal(sealSession(parseKeyRing(key, "vectors").active, session as unknown as SealedSession), id);
  }
});

Deno.test("E3: openSession gives the session of every committed vector, and the key", STRICT, () => {
  for (const { session, id } of vectors) assert.deepEqual(openSession(ring, id), { ok: true, session, key });
});

Deno.test("E1: a typical id has no more than about 400 characters", STRICT, () => {
  assert(vectors[0]!.id.length <= 440, `${vectors[0]!.id.length}`);
  assert(sealSession(key, { ...typical, capabilities: {} }).length <= 400);
});

Deno.test("E2: sealing one session twice gives the same id", STRICT, () => {
  assert.equal(sealSession(key, typical), sealSession(key, structuredClone(typical)));
});

Deno.test("E2: two sessions that differ only in sid share nothing but the key's prefix", STRICT, () => {
  const [a, b] = [1, 2].map((fill) =>
    sealSession(key, { ...typical, sid: newSid((n) => new Uint8Array(n).fill(fill)) })
  );
  const same = [...a!].filter((char, i) => char === b![i]).length;
  assert(same < a!.length / 8, `${same} of ${a!.length} characters are equal`);
});

Deno.test("E2: newSid writes 16 bytes of the given source as base64url", STRICT, () => {
  const sid = newSid((length) => new Uint8Array(length).fill(0xff));
  assert.equal(sid, "_____________________w");
  assert.equal(opened(sealSession(key, { ...typical, sid })).sid, sid);
});

Deno.test("E5: openSession tells the key that sealed, so that the owner is compared under it", STRICT, () => {
  const old = new MasterKey(Buffer.alloc(32, 1));
  const rotated = new KeyRing([new MasterKey(Buffer.alloc(32, 2)), old]);
  const alice = { issuer: "https://issuer.example/", subject: "alice" };
  const id = sealSession(old, { ...typical, owner: fingerprintOwner(old, alice) });
  const result = openSession(rotated, id);
  assert(result.ok);
  assert.equal(result.key, old);
  assert.equal(result.session.owner, fingerprintOwner(result.key, alice));
  assert.deepEqual(openSession(new KeyRing([rotated.active]), id), { ok: false, reason: "key" });
});

Deno.test("E4: openSession refuses a text sealed for another purpose", STRICT, () => {
  const payload = Buffer.from(vectors[0]!.payload);
  assert.deepEqual(openSession(ring, seal(key, "event", payload)), { ok: false, reason: "tag" });
  assert(openSession(ring, seal(key, "session", payload)).ok);
});

Deno.test("E8: openSession answers shape for an authentic text that holds no session", STRICT, () => {
  const payloads = [
    Buffer.alloc(0),
    Buffer.from("[]"),
    Buffer.from("hello"),
    Buffer.from([0xff, 0xfe]),
    Buffer.from("\ufeff[]"),
  ];
  payloads.push(Buffer.concat([Buffer.from(vectors[0]!.payload.slice(0, -1)), Buffer.from([0xc3]), Buffer.from("]")]));
  for (const payload of payloads) {
    assert.deepEqual(openSession(ring, seal(key, "session", payload)), { ok: false, reason: "shape" });
  }
});

Deno.test(
  "E8: openSession answers shape for a session that is not exactly UTF-8 or has a byte order mark",
  STRICT,
  () => {
    const payload = Buffer.from(vectors[0]!.payload);
    const broken = Buffer.from(payload);
    broken[payload.indexOf("example-client")] = 0xff;
    for (const other of [broken, Buffer.concat([Buffer.from("\ufeff"), payload])]) {
      assert.deepEqual(openSession(ring, seal(key, "session", other)), { ok: false, reason: "shape" });
    }
  },
);

Deno.test("E8: openSession refuses foreign ids of every kind without throwing", STRICT, () => {
  const texts = [
    "",
    "1",
    crypto.randomUUID(),
    "s-1",
    "\0",
    "é".repeat(100),
    encodeBase62(new Uint8Array(300)),
    "Z".repeat(4096),
  ];
  for (const text of texts) assert.equal(openSession(ring, text).ok, false, text);
});

Deno.test("E7: openSession keeps to a configured cap", STRICT, () => {
  const id = vectors[0]!.id;
  assert.deepEqual(openSession(ring, id, { maxLength: id.length - 1 }), { ok: false, reason: "length" });
  assert(openSession(ring, id, { maxLength: id.length }).ok);
});

Deno.test("L8: openSession opens an expired session: expiry is its caller's business", STRICT, () => {
  assert.equal(opened(sealSession(key, { ...typical, issuedAtMs: 0, expiresAtMs: 1 })).expiresAtMs, 1);
});

Deno.test("E7: sealSession keeps decoration that fits", STRICT, () => {
  const session = withInfo({ title: "Example", icons: [{ src: "data:image/png;base64,AAAA" }] });
  assert.deepEqual(opened(sealSession(key, session)).clientInfo, session.clientInfo);
});

Deno.test("E7: sealSession keeps decoration that fills the cap exactly", STRICT, () => {
  const session = withInfo({ title: "Example" });
  const maxLength = sealSession(key, session).length;
  assert.deepEqual(opened(sealSession(key, session, { maxLength })).clientInfo, session.clientInfo);
  assert.deepEqual(opened(sealSession(key, session, { maxLength: maxLength - 1 })).clientInfo, typical.clientInfo);
});

Deno.test("E7: sealSession leaves out as little decoration as the cap asks for, bulkiest kind first", STRICT, () => {
  const icons = [{ src: `data:image/png;base64,${"A".repeat(5000)}` }];
  const description = "d".repeat(5000);
  const websiteUrl = `https://example.com/${"w".repeat(5000)}`;
  const title = "t".repeat(5000);
  const infoOf = (extra: Record<string, unknown>) => opened(sealSession(key, withInfo(extra))).clientInfo;
  assert.deepEqual(infoOf({ icons, description: "short" }), { ...typical.clientInfo, description: "short" });
  assert.deepEqual(infoOf({ icons, description, title: "short" }), { ...typical.clientInfo, title: "short" });
  assert.deepEqual(infoOf({ description, websiteUrl, title: "short" }), { ...typical.clientInfo, title: "short" });
  assert.deepEqual(infoOf({ icons, description, websiteUrl, title }), typical.clientInfo);
});

Deno.test("E2: sealing what was opened gives the same id, even where decoration was left out", STRICT, () => {
  const id = sealSession(key, withInfo({ icons: ["A".repeat(5000)] }));
  assert.equal(sealSession(key, opened(id)), id);
});

Deno.test(
  "E7: sealSession throws a typed 400 that names sizes and no values when nothing more can be left out",
  STRICT,
  () => {
    const session = { ...withInfo({ icons: ["x"] }), capabilities: { experimental: { secretive: "s".repeat(4000) } } };
    assert.throws(() => sealSession(key, session), (error) => {
      assert(error instanceof SessionTooLongError);
      assert(error instanceof SignetError);
      assert.equal(error.code, "invalid_params");
      assert.equal(error.maxLength, 4096);
      assert(error.length > 4096);
      assert.equal(error.detail.facts?.["idLength"], error.length);
      assert.equal(error.detail.facts?.["capabilitiesChars"], JSON.stringify(session.capabilities).length);
      assert(!JSON.stringify(error.detail).includes("secretive"));
      return true;
    });
  },
);

Deno.test("E7: sealSession fills a cap to the last character", STRICT, () => {
  const { length } = sealSession(key, typical);
  assert.equal(sealSession(key, typical, { maxLength: length }).length, length);
  assert.throws(() => sealSession(key, typical, { maxLength: length - 1 }), SessionTooLongError);
});

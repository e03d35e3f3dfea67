// Properties of session ids: what is sealed comes back; order and case of input never show; one session, one text.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { canonicalJson } from "../../lib/envelope/canonical_json.ts";
import { KeyRing, MasterKey } from "../../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../../lib/envelope/owner_fingerprint.ts";
import { seal } from "../../lib/envelope/seal.ts";
import { SessionForms } from "../../lib/envelope/session_forms.ts";
import { openSession, requireSealable, sealSession, TYPICAL_ID_LENGTH } from "../../lib/envelope/session_id.ts";
import type { SealedSession } from "../../lib/envelope/session_payload.ts";
import { STRICT } from "../support/strict.ts";

const key = new MasterKey(new Uint8Array(32).fill(3));
const ring = new KeyRing([key]);
/** Generated sessions may be big; what the cap does is told in tests/unit. */
const wide = { maxLength: 1 << 20 };

const text = fc.string({ unit: "binary", maxLength: 20 });
/** What `JSON.parse` can have given, on members named in every odd way. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n === 0 ? 0 : n),
    text,
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(
    fc.oneof(text, fc.constantFrom("__proto__", "constructor", "9", "10")),
    tie("value"),
    { maxKeys: 4, noNullPrototype: true },
  ),
}));
const jsonObject = json.object as fc.Arbitrary<Record<string, unknown>>;

const headerName = fc.string({ unit: fc.constantFrom(..."abcxyz019-_!~`|"), minLength: 1, maxLength: 12 });
const headerValue = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }).filter((value) => !/[\0\r\n]/.test(value)),
  fc.uuid(),
);
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 5, noNullPrototype: true });
const upstreams = fc.dictionary(
  fc.oneof(fc.webUrl(), text.filter((url) => url !== "")),
  headers,
  { maxKeys: 4, noNullPrototype: true },
);
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });

const session: fc.Arbitrary<SealedSession> = fc.record({
  sid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
  owner: text.filter((name) => name.trim() !== "" && name.isWellFormed())
    .map((subject) => fingerprintOwner(key, { issuer: "test", subject })),
  times: fc.tuple(time, time),
  protocolVersion: fc.constantFrom("2025-03-26", "2025-06-18", "2025-11-25"),
  clientInfo: jsonObject,
  capabilities: jsonObject,
  upstreams,
  home: fc.option(fc.webUrl()),
}).map(({ times: [issuedAtMs, lifetimeMs], home, ...rest }) => ({
  ...rest,
  issuedAtMs,
  expiresAtMs: issuedAtMs + lifetimeMs,
  ...home === null ? {} : { home },
}));

const sid = "_".repeat(21) + "w";

/** The same value with the members of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  // Not a literal: `__proto__` must stay a member of its own.
  return Object.fromEntries(Object.entries(value).reverse().map(([name, member]) => [name, reordered(member)]));
}

Deno.test("E3: any session comes back from its id exactly as it was, whichever came back before", STRICT, () => {
  const forms = new SessionForms();
  fc.assert(
    fc.property(session, headerValue, (session, value) => {
      // One that differs in what is known not to matter comes first.
      const usual = { "http://a.test": { "mcp-session-id": value } };
      for (const each of [session, { ...session, upstreams: usual }, { ...session, upstreams: usual, sid }]) {
        const opened = openSession(ring, sealSession(key, each, wide), { ...wide, forms });
        assert(opened.ok);
        assert.equal(canonicalJson(opened.session), canonicalJson(each));
        assert.deepEqual(opened.session.upstreams, each.upstreams);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("E3: any order of members gives the identical id", STRICT, () => {
  fc.assert(
    fc.property(session, (session) => {
      const other = reordered(session) as SealedSession;
      assert.equal(sealSession(key, other, wide), sealSession(key, session, wide));
    }),
    { numRuns: 500 },
  );
});

Deno.test("E3: any case of header names gives the identical id", STRICT, () => {
  fc.assert(
    fc.property(session, (session) => {
      const upper = Object.fromEntries(
        Object.entries(session.upstreams).map(([url, headers]) => [
          url,
          Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value])),
        ]),
      );
      assert.equal(sealSession(key, { ...session, upstreams: upper }, wide), sealSession(key, session, wide));
    }),
    { numRuns: 300 },
  );
});

Deno.test("E2: an opened session seals to the id it came from", STRICT, () => {
  fc.assert(
    fc.property(session, fc.integer({ min: 400, max: 3000 }), (session, maxLength) => {
      let id;
      try {
        id = sealSession(key, session, { maxLength });
      } catch {
        fc.pre(false);
      }
      assert(id !== undefined && id.length <= maxLength);
      const opened = openSession(ring, id, { maxLength });
      assert(opened.ok);
      assert.equal(sealSession(key, opened.session, { maxLength }), id);
    }),
    { numRuns: 300 },
  );
});

Deno.test("E2: sessions that differ in any way have different ids", STRICT, () => {
  fc.assert(
    fc.property(session, session, (a, b) => {
      const same = canonicalJson(a) === canonicalJson(b);
      assert.equal(sealSession(key, a, wide) === sealSession(key, b, wide), same);
    }),
    { numRuns: 300 },
  );
});

Deno.test("E8: an authentic text of any bytes or any JSON never makes openSession throw", STRICT, () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(json.value as fc.Arbitrary<unknown>, { minLength: 7, maxLength: 10 }).map((value) =>
      Buffer.from(JSON.stringify(value))
    ),
  );
  fc.assert(
    fc.property(payload, (payload) => {
      const opened = openSession(ring, seal(key, "session", payload), wide);
      assert.deepEqual(opened, { ok: false, reason: "shape" });
    }),
    { numRuns: 1000 },
  );
});

Deno.test(
  "E7: what is found to have room before its server is asked has room when the server has answered",
  STRICT,
  () => {
    const typicalId = "x".repeat(TYPICAL_ID_LENGTH);
    const refuses = (run: () => void) => {
      try {
        run();
        return false;
      } catch {
        return true;
      }
    };
    let [refused, taken] = [0, 0];
    fc.assert(
      fc.property(session, fc.integer({ min: 200, max: 4096 }), (session, maxLength) => {
        const ids = Object.entries(session.upstreams).map(([url, headers]) => [
          url,
          { ...headers, "mcp-session-id": typicalId },
        ]);
        const usual = { issuedAtMs: 1e12, expiresAtMs: 1e12 + 1e9, protocolVersion: "2025-11-25" };
        const answered = { ...session, ...usual, upstreams: Object.fromEntries(ids) };
        const isRefused = refuses(() => requireSealable(session, { maxLength }));
        assert.equal(isRefused, refuses(() => sealSession(key, answered, { maxLength })));
        if (isRefused) refused++;
        else taken++;
      }),
      { numRuns: 1000 },
    );
    assert.ok(refused > 50 && taken > 50, `${refused} refused, ${taken} taken`);
  },
);

Deno.test("E7: what is nested too deep is refused before its server is asked, however short it is", STRICT, () => {
  const nested = (depth: number) => JSON.parse('{"a":'.repeat(depth) + "1" + "}".repeat(depth));
  const prospect = { capabilities: {}, upstreams: { "http://a.test": {} } };
  requireSealable({ ...prospect, clientInfo: nested(64) });
  assert.throws(() => requireSealable({ ...prospect, clientInfo: nested(65) }), { code: "invalid_params" });
  const inArray = JSON.parse(`{"a":${"[".repeat(64)}${"]".repeat(64)}}`);
  assert.throws(() => requireSealable({ ...prospect, clientInfo: {}, capabilities: inArray }), {
    code: "invalid_params",
  });
});

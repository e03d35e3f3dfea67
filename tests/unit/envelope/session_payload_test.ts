import assert from "node:assert/strict";
import { decodeSession, encodeSession, type SealedSession } from "../../../lib/envelope/session_payload.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/sessions.json" with { type: "json" };

const sessions = vectors.map(({ session }) => session as unknown as SealedSession);
const [typical, full] = sessions as [SealedSession, SealedSession];

/** The payload of the session with everything in it, one element replaced. */
function payloadWith(index: number, value: unknown): string {
  const members = JSON.parse(encodeSession(full)) as unknown[];
  members[index] = value;
  return JSON.stringify(members);
}

Deno.test("E3: encodeSession gives the payload of every committed vector", STRICT, () => {
  for (const { payload, session } of vectors) {
    assert.equal(encodeSession(session as unknown as SealedSession), payload);
  }
});

Deno.test("E3: decodeSession gives the session of every committed vector", STRICT, () => {
  for (const { payload, session } of vectors) assert.deepEqual(decodeSession(payload), session);
});

Deno.test("E3: encodeSession lower-cases header names and leaves values as they are", STRICT, () => {
  const upstreams = { "http://a/": { "X-Tenant": " Caf\u00e9 \u{1f511} ", "Authorization": "Bearer AbC" } };
  assert.deepEqual(decodeSession(encodeSession({ ...typical, upstreams }))?.upstreams, {
    "http://a/": { "authorization": "Bearer AbC", "x-tenant": " Caf\u00e9 \u{1f511} " },
  });
});

Deno.test("E3: encodeSession throws when two header names differ only in case", STRICT, () => {
  const upstreams = { "http://a/": { "X-Tenant": "1", "x-tenant": "1" } };
  assert.throws(() => encodeSession({ ...typical, upstreams }), /header x-tenant/);
});

Deno.test("E3: encodeSession throws for what is no header name or could end a field line", STRICT, () => {
  for (const name of ["", "a b", "a:", "\u212a", "x\r\ny"]) {
    assert.throws(
      () => encodeSession({ ...typical, upstreams: { "http://a/": { [name]: "v" } } }),
      /header name/,
      name,
    );
  }
  for (const value of ["a\rb", "a\nb", "a\0b"]) {
    assert.throws(
      () => encodeSession({ ...typical, upstreams: { "http://a/": { x: value } } }),
      /value of .* header x/,
    );
  }
});

Deno.test("E3: encodeSession throws and names the member when one breaks a rule", STRICT, () => {
  const broken: [string, unknown][] = [
    ["sid", ""],
    ["sid", typical.sid.slice(1)],
    ["sid", typical.sid.slice(0, 21) + "x"],
    ["owner", "alice"],
    ["issuedAtMs", 1.5],
    ["issuedAtMs", -1],
    ["expiresAtMs", typical.issuedAtMs - 1],
    ["expiresAtMs", Infinity],
    ["protocolVersion", ""],
    ["clientInfo", null],
    ["clientInfo", []],
    ["capabilities", "roots"],
    ["home", ""],
    ["upstreams", []],
    ["upstreams", { "": {} }],
    ["upstreams", { "http://a/": null }],
  ];
  for (const [member, value] of broken) {
    const session = { ...typical, [member]: value } as SealedSession;
    assert.throws(
      () => encodeSession(session),
      { name: "TypeError", message: new RegExp(member) },
      `${member} ${value}`,
    );
  }
});

Deno.test("P1: encodeSession quotes no value in its errors", STRICT, () => {
  const upstreams = { "http://user:hunter2@a/": { "x-token": "hunter2\n" } };
  assert.throws(
    () => encodeSession({ ...typical, sid: "hunter2" }),
    (error: Error) => !error.message.includes("hunter2"),
  );
  assert.throws(() => encodeSession({ ...typical, upstreams }), (error: Error) => !error.message.includes("hunter2"));
});

Deno.test("E8: decodeSession gives undefined for anything that is not a session", STRICT, () => {
  const texts = [
    "",
    "null",
    "{}",
    "[]",
    "7",
    "[[]]",
    "not json",
    encodeSession(full) + "x",
    encodeSession(full).slice(0, -1),
  ];
  for (const text of texts) assert.equal(decodeSession(text), undefined, text);
});

Deno.test("E8: decodeSession gives undefined when any one element has another type or form", STRICT, () => {
  const unfit: [number, unknown[]][] = [
    [0, [1, null, "", "short", typical.sid + "A", typical.sid.slice(0, 21) + "x", typical.sid.slice(0, 21) + "="]],
    [1, [1, null, "", "alice"]],
    [2, ["1", null, -1, 1.5, 2 ** 53]],
    [3, ["1", null, -1, 1.5, Number.MAX_SAFE_INTEGER]],
    [4, [1, null, ""]],
    [5, [1, null, "x", []]],
    [6, [1, null, "x", []]],
    [7, [1, null, [], { "": {} }, { a: null }, { a: [] }, { a: { "X-Y": "v" } }, { a: { x: 1 } }, {
      a: { x: "a\nb" },
    }]],
    [8, [1, null, "", {}]],
    [9, [1]],
  ];
  for (const [index, values] of unfit) {
    for (const value of values) {
      assert.equal(decodeSession(payloadWith(index, value)), undefined, `${index}: ${JSON.stringify(value)}`);
    }
  }
  assert.notEqual(decodeSession(payloadWith(4, "2025-06-18")), undefined);
});

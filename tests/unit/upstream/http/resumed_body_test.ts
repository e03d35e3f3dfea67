// lib/upstream/http/resumed_body.ts: whatever was read ahead, the body is handed out whole and in order.
import assert from "node:assert/strict";
import type { BodyReader } from "../../../../lib/http1/types.ts";
import { BytesBody } from "../../../../lib/http1/wire/bodies/bytes_body.ts";
import { type Bytes, ownBytes } from "../../../../lib/http1/wire/streams/borrowed.ts";
import { ResumedBody } from "../../../../lib/upstream/http/resumed_body.ts";
import { STRICT } from "../../../support/strict.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function rest(body: BodyReader): Promise<string> {
  let text = "";
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    text += new TextDecoder().decode(ownBytes(piece));
  }
  return text;
}

for (const ahead of ["", "he"]) {
  Deno.test(`a resumed body begins with the ${ahead.length} bytes read ahead`, STRICT, async () => {
    const body = new ResumedBody(new BytesBody(bytes("llo")), { prefix: bytes(ahead) });
    assert.equal(body.done, false);
    assert.equal(await rest(body), `${ahead}llo`);
    assert.equal(body.done, true);
    const whole = new ResumedBody(new BytesBody(bytes("llo")), { prefix: bytes(ahead) });
    assert.equal(new TextDecoder().decode(await whole.readAll(100)), `${ahead}llo`);
  });

  Deno.test(`a resumed body goes on with the read under way (${ahead.length} bytes ahead)`, STRICT, async () => {
    const pending = Promise.withResolvers<Bytes | null>();
    const body = new ResumedBody(new BytesBody(bytes("o")), { prefix: bytes(ahead), pending: pending.promise });
    assert.equal(body.takeBuffered(), undefined);
    const reading = rest(body);
    pending.resolve(bytes("ll"));
    assert.equal(await reading, `${ahead}llo`);
  });
}

Deno.test("a resumed body is taken whole where all of it is here", STRICT, () => {
  const read = new BytesBody(new Uint8Array(0));
  const body = new ResumedBody(read, { prefix: bytes("hello") });
  assert.equal(new TextDecoder().decode(ownBytes(body.takeBuffered()!)), "hello");
  assert.equal(body.done, true);
  const unread = new ResumedBody(new BytesBody(bytes("llo")), { prefix: bytes("he") });
  assert.equal(unread.takeBuffered(), undefined);
  assert.equal(unread.done, false);
});

Deno.test("a read under way that fails is told to whoever reads on, and to nobody else", STRICT, async () => {
  const body = new ResumedBody(new BytesBody(bytes("")), {
    prefix: bytes("a"),
    pending: Promise.reject(new Error("gone")),
  });
  await assert.rejects(rest(body), /gone/);
});

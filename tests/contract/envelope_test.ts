// The session id as a client holds it: what it is made of (E1), and what makes it open nothing (E4, E8).
import assert from "node:assert/strict";
import { encodeBase62 } from "../../lib/envelope/base62.ts";
import { type Purpose, seal } from "../../lib/envelope/seal.ts";
import { openSession } from "../../lib/envelope/session_id.ts";
import { encodeSession } from "../../lib/envelope/session_payload.ts";
import { decodeBase62 } from "../support/base62.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

const [NONCE_BYTES, TAG_BYTES] = [24, 16];

for (const lane of LANES) {
  Deno.test(
    `E1: an id is base62 of version, key id, nonce, ciphertext and tag, and says nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      assert.match(id, /^[0-9a-zA-Z]+$/);
      const bytes = decodeBase62(id);
      assert.ok(bytes !== undefined);
      assert.equal(encodeBase62(bytes), id, "one text for the bytes");
      assert.equal(bytes[0], 1);
      const key = signet.ring.active;
      assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getUint32(1), key.idWord);
      const opened = openSession(signet.ring, id);
      assert.ok(opened.ok);
      const plaintext = new TextEncoder().encode(encodeSession(opened.session)).length;
      assert.equal(bytes.length, 1 + 4 + NONCE_BYTES + plaintext + TAG_BYTES);
      const text = new TextDecoder("latin1").decode(bytes);
      for (const known of [opened.session.sid, upstream.url, ...upstream.sessions]) assert.ok(!text.includes(known));
    },
  );

  Deno.test(
    `E4: of an id, version, key id and purpose are sealed too: with another it opens nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const opened = openSession(signet.ring, id);
      assert.ok(opened.ok);
      const bytes = decodeBase62(id)!;
      const changed = (at: number) => encodeBase62(bytes.with(at, bytes[at]! ^ 1));
      const sealedFor = (purpose: Purpose) =>
        seal(signet.ring.active, purpose, new TextEncoder().encode(encodeSession(opened.session)));
      assert.equal(sealedFor("session"), id, "the same bytes for the same purpose");
      const outcomes = { version: [changed(0)], key: [changed(1), changed(4)], tag: [sealedFor("event")] };
      for (const [outcome, ids] of Object.entries(outcomes)) {
        for (const other of ids) {
          assert.notEqual(other, id);
          assert.equal(await status(signet.post(call(1, "echo"), { id: other })), 404, outcome);
        }
        assert.equal(await signet.metric(`signet_opens_total{outcome="${outcome}"}`), ids.length);
      }
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
    },
  );
}

// A body that is held whole: whose memory it is while it is held, and afterwards.
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { type HeldBody, holdBody } from "../../../../lib/gateway/in/body.ts";
import type { GatewayParts } from "../../../../lib/gateway/parts.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import {
  BorrowedBytes,
  inspectBytes,
  lockForWrite,
  roomBefore,
  unlockAfterWrite,
} from "../../../../lib/http1/wire/streams/borrowed.ts";
import { STRICT } from "../../../support/strict.ts";

const LONG = 300_000;

function scene(limit = Infinity) {
  const account = new ByteAccount(limit);
  const limits = { openBytes: () => ({ resize: () => true, release() {} }) };
  const parts = { account, limits } as unknown as GatewayParts;
  /** As it comes: in `pieces`, each of this many bytes. */
  const hold = async (filler: string, pieces: readonly number[], announced?: number): Promise<HeldBody> => {
    const rest = pieces.map((size) => new BorrowedBytes(new TextEncoder().encode(filler.repeat(size))));
    const length = announced ?? pieces.reduce((sum, size) => sum + size, 0);
    const body = { length, takeBuffered: () => undefined, read: () => Promise.resolve(rest.shift() ?? null) };
    const inbound = { head: { method: "POST" }, facts: { isJson: true }, exchange: { body }, body: undefined };
    const held = await holdBody(parts, { inbound, caller: { principalKey: "a" } } as never);
    assert.ok(held !== undefined);
    return held;
  };
  return { account, hold };
}

const text = (held: HeldBody) => new TextDecoder().decode(held.bytes);
const lent = (held: HeldBody): BorrowedBytes => {
  const bytes = held.lend();
  assert.ok(bytes instanceof BorrowedBytes);
  return bytes;
};
const memoryOf = (bytes: BorrowedBytes): ArrayBufferLike => {
  const buffer = lockForWrite(bytes).buffer;
  unlockAfterWrite(bytes);
  return buffer;
};

Deno.test(
  "a body is put together as it came, whatever its pieces, and charged for until it is let go of",
  STRICT,
  async () => {
    const { account, hold } = scene();
    for (const pieces of [[10], [10, 70_000], [70_000, 1, LONG], [1, 2, 3], Array(50).fill(9999)]) {
      for (const announced of [undefined, -1]) {
        const held = await hold("b", pieces, announced);
        const size = pieces.reduce((sum, each) => sum + each, 0);
        assert.equal(text(held), "b".repeat(size));
        assert.ok(account.held >= size);
        inspectBytes(held.lend(), (view) => assert.equal(new TextDecoder().decode(view), "b".repeat(size)), undefined);
        held.release();
        held.release();
        assert.equal(account.held, 0);
      }
    }
  },
);

Deno.test("M3: a long body finds no room beyond the bound, and leaves what there is", STRICT, async () => {
  const { account, hold } = scene(LONG);
  const other = await hold("a", [100_000]);
  await assert.rejects(hold("b", [100_000, 200_000]), (error) => (error as SignetError).code === "request_limit");
  other.release();
  assert.equal(account.held, 0);
});

Deno.test(
  "M6: a long body that is lent is called back with its release, and its memory is the next one's",
  STRICT,
  async () => {
    const { hold } = scene();
    const first = await hold("a", [LONG]);
    const bytes = lent(first);
    assert.equal(lent(first), bytes);
    assert.ok(roomBefore(bytes) >= 4096);
    const memory = memoryOf(bytes);
    first.release();
    assert.throws(() => bytes.copy(), { code: "aborted" });
    assert.equal(first.bytes.length, 0);
    const second = await hold("b", [LONG]);
    assert.equal(memoryOf(lent(second)), memory);
    assert.equal(text(second), "b".repeat(LONG));
    second.release();
  },
);

Deno.test("M6: what of a long body is still being written when it is released is nobody else's", STRICT, async () => {
  const { hold } = scene();
  const first = await hold("a", [LONG]);
  const bytes = lent(first);
  const written = lockForWrite(bytes);
  first.release();
  const second = await hold("b", [LONG]);
  assert.notEqual(memoryOf(lent(second)), written.buffer);
  assert.equal(written[bytes.length], "a".charCodeAt(0));
  unlockAfterWrite(bytes);
  second.release();
});

Deno.test("M6: the memory of a body that was not lent is theirs who have it", STRICT, async () => {
  const { hold } = scene();
  const first = await hold("a", [LONG]);
  const { bytes } = first;
  first.release();
  const second = await hold("b", [LONG]);
  assert.notEqual(second.bytes.buffer, bytes.buffer);
  assert.equal(new TextDecoder().decode(bytes), "a".repeat(LONG));
  lent(second);
  second.release();
});

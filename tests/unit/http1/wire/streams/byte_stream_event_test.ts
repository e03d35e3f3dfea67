import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import type { Socket } from "../../../../../lib/platform/sockets/socket.ts";
import { beginEvent, endEvent } from "../../../../../lib/platform/time/event_time.ts";
import { STRICT } from "../../../../support/strict.ts";

const SILENT: Socket = {
  takesAtOnce: true,
  own: () => {},
  read: () => {},
  write: (_bytes, from, to) => to - from,
  closeWrite: () => Promise.resolve(),
  close: () => {},
};

function streamOf(onData: () => void): ByteStream {
  const owner = { onData, onEnd: () => {}, onReadFailed: () => {}, onWriteFailed: () => {} };
  const traffic = new Traffic();
  return new ByteStream(SILENT, owner, { traffic, account: new ByteAccount(), restBytes: 1024, claim: "caller" });
}

function arriveAt(stream: ByteStream): void {
  stream.post();
  stream.onBytes(stream.takeMemory(), 1);
}

/** Whether it is part of one: only who is in none can begin one. */
function isInEvent(): boolean {
  const isFirst = beginEvent();
  if (isFirst) endEvent();
  return !isFirst;
}

Deno.test("what arrives is an event for as long as its owner looks at it", STRICT, () => {
  const seen: boolean[] = [];
  const stream = streamOf(() => void seen.push(isInEvent()));
  arriveAt(stream);
  assert.deepEqual([seen, isInEvent()], [[true], false]);
  stream.close();
});

Deno.test("so is what arrives in memory of its own, once it is the stream's", STRICT, () => {
  const seen: boolean[] = [];
  const stream = streamOf(() => void seen.push(isInEvent()));
  stream.post();
  assert(stream.takeWhole(new Uint8Array(8192), false));
  assert.deepEqual([seen, isInEvent()], [[true], false]);
  stream.close();
});

Deno.test("an event has ended when its owner has failed", STRICT, () => {
  const stream = streamOf(() => {
    throw new Error("of the owner's");
  });
  assert.throws(() => arriveAt(stream), /of the owner's/);
  assert(!isInEvent());
  stream.close();
});

Deno.test("what arrives at another while an owner looks belongs to the same event", STRICT, () => {
  const inner = streamOf(() => {});
  const seen: boolean[] = [];
  const outer = streamOf(() => {
    arriveAt(inner);
    seen.push(isInEvent());
  });
  arriveAt(outer);
  assert.deepEqual([seen, isInEvent()], [[true], false]);
  inner.close();
  outer.close();
});

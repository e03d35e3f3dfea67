// A body whose host takes it away in the moment it is done: who reads it has all of it all the same.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { CHUNKED, UNTIL_CLOSE } from "../../../../../lib/http1/types.ts";
import { InboundBody } from "../../../../../lib/http1/wire/bodies/inbound_body.ts";
import { ownBytes } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import { DONE } from "../../../../../lib/http1/wire/streams/done.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import { bytesOf, textOf } from "../../../../support/raw_peer.ts";
import { DEAF_OWNER, STILL_SOCKET } from "../../../../support/still_socket.ts";
import { STRICT } from "../../../../support/strict.ts";
import { within } from "../../../../support/until.ts";

function scene(length: number) {
  const traffic = new Traffic();
  const options = { traffic, account: new ByteAccount(), restBytes: 1024, claim: "answer" } as const;
  const stream = new ByteStream(STILL_SOCKET, DEAF_OWNER, options);
  const host = { stream, onBodyWanted() {}, onBodyDone: () => body.detach() };
  const body: InboundBody = new InboundBody(host, length, { side: "response", maxBytes: Infinity });
  const arrive = (text: string) => {
    stream.post();
    const memory = stream.takeMemory();
    memory.set(bytesOf(text));
    stream.onBytes(memory, text.length);
    body.onData();
  };
  return { stream, body, arrive };
}

/** The next piece; null at the end. */
async function pieceOf(reading: ReturnType<InboundBody["read"]>): Promise<string | null> {
  const bytes = await within("a piece", reading);
  return bytes === null ? null : textOf(ownBytes(bytes));
}

Deno.test("a reader that waits gets the last piece of a body that is taken away with it", STRICT, async () => {
  const { stream, body, arrive } = scene(4);
  const reading = body.read();
  arrive("last");
  assert.equal(await pieceOf(reading), "last");
  await assert.rejects(body.read(), { code: "aborted" }, "it is nobody's by now");
  stream.close();
});

Deno.test(
  "the end that comes behind the last piece is the end, though the body is taken away with it",
  STRICT,
  async () => {
    const waiting = scene(CHUNKED);
    waiting.arrive("4\r\nlast\r\n");
    assert.equal(await pieceOf(waiting.body.read()), "last");
    const end = waiting.body.read();
    waiting.arrive("0\r\n\r\n");
    assert.equal(await pieceOf(end), null);
    const here = scene(CHUNKED);
    here.arrive("0\r\nx: y\r\n\r\n");
    assert.equal(await pieceOf(here.body.read()), null);
    for (const { stream } of [waiting, here]) stream.close();
  },
);

Deno.test("what is passed on ends well, though the body is taken away with its end", STRICT, () => {
  const { stream, body, arrive } = scene(CHUNKED);
  const heard: unknown[] = [];
  const sink = { write: (bytes: Parameters<typeof ownBytes>[0]) => (heard.push(textOf(ownBytes(bytes))), DONE) };
  body.pipe(sink, { onPiped: () => heard.push("piped"), onPipeFailed: (error) => heard.push(error) });
  arrive("4\r\nlast\r\n");
  arrive("0\r\n\r\n");
  assert.deepEqual(heard, ["last", "piped"]);
  stream.close();
});

Deno.test("a body that its peer's end ends counts nothing, and is done", STRICT, async () => {
  const { stream, body, arrive } = scene(UNTIL_CLOSE);
  arrive("all");
  assert.equal(await pieceOf(body.read()), "all");
  stream.release();
  const end = body.read();
  assert.equal(body.onEnd(), true);
  assert.equal(await pieceOf(end), null);
  assert.deepEqual([body.done, body.failed, body.left, body.received], [true, false, 0, 0]);
  stream.close();
});

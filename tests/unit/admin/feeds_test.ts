import assert from "node:assert/strict";
import { type Feed, Feeds } from "../../../lib/admin/feeds.ts";
import { STRICT } from "../../support/strict.ts";

async function readPiece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return value === undefined ? "" : new TextDecoder().decode(value);
}

Deno.test("V3: whoever reads too slowly misses events and is told how many; nothing grows", STRICT, async () => {
  const feeds = new Feeds();
  let feed: Feed | undefined;
  let stopped = 0;
  const response = feeds.open((opened) => {
    feed = opened;
    return () => stopped++;
  });
  for (let n = 0; n < 10_000; n++) feed!.push({ n });
  const reader = response.body!.getReader();
  const text = await readPiece(reader);
  assert.equal(text.split("\n\n").filter((event) => event.startsWith("data: {")).length, 511);
  assert.match(text, /event: missed\ndata: 9489\n\n$/);
  feed!.push("again");
  assert.equal(await readPiece(reader), 'data: "again"\n\n');
  for (let n = 0; n < 100; n++) feed!.push("x".repeat(10_000));
  assert.match(await readPiece(reader), /event: missed\ndata: 74\n\n$/, "bounded in characters, too");
  await reader.cancel();
  assert.deepEqual([stopped, feeds.size], [1, 0]);
});

Deno.test("V3: a feed that is ended tells what waits, then closes", STRICT, async () => {
  const feeds = new Feeds();
  const response = feeds.open((feed) => {
    feed.push(1);
    return () => {};
  });
  feeds.closeAll();
  assert.equal(await response.text(), ": watching\n\ndata: 1\n\n");
  assert.equal(feeds.size, 0);
});

Deno.test("V3: a feed that nobody feeds, or that ended as it began, leaves nothing behind", STRICT, async () => {
  const feeds = new Feeds();
  assert.throws(() =>
    feeds.open(() => {
      throw new Error("nobody is there");
    }), /nobody is there/);
  let stopped = 0;
  const response = feeds.open((feed) => {
    feed.end();
    return () => stopped++;
  });
  assert.equal(await response.text(), ": watching\n\n");
  assert.deepEqual([stopped, feeds.size], [1, 0]);
});

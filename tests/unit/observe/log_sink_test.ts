import assert from "node:assert/strict";
import { LogSink } from "../../../lib/observe/log_sink.ts";
import { STRICT } from "../../support/strict.ts";
import { until } from "../../support/until.ts";

/** A reader in the test's hands: each write waits until it is told how it went. */
class Reader {
  text = "";
  told: number[] = [];
  readonly sink: LogSink;
  #asked: { bytes: Uint8Array; resolve: (count: number) => void; reject: (error: Error) => void }[] = [];

  constructor(maxBytes: number) {
    this.sink = new LogSink({
      maxBytes,
      write: (bytes) => new Promise((resolve, reject) => this.#asked.push({ bytes, resolve, reject })),
      onFlow: (dropped) => {
        this.told.push(dropped);
        this.sink.push(`dropped ${dropped}\n`);
      },
    });
  }

  get asked(): number {
    return this.#asked.length;
  }

  take(most = Infinity): void {
    const { bytes, resolve } = this.#asked.shift()!;
    const count = Math.min(most, bytes.length);
    this.text += new TextDecoder().decode(bytes.subarray(0, count));
    resolve(count);
  }

  fail(code: string): void {
    this.#asked.shift()!.reject(Object.assign(new Error(code), { code }));
  }

  /** Lets everything through. */
  async drain(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      if (this.asked > 0) this.take();
      await Promise.resolve();
    }
  }
}

Deno.test("V1: LogSink keeps order, over partial writes too, one write at a time", STRICT, async () => {
  const reader = new Reader(1000);
  for (let n = 0; n < 5; n++) reader.sink.push(`line ${n}\n`);
  assert.equal(reader.asked, 1);
  reader.take(3);
  await until(() => reader.asked === 1, "the rest");
  await reader.drain();
  assert.equal(reader.text, "line 0\nline 1\nline 2\nline 3\nline 4\n");
  assert.equal(reader.sink.waiting, 0);
  assert.equal(reader.sink.dropped, 0);
});

Deno.test(
  "V1: LogSink holds no more than its bound, counts what it drops, and tells it when lines flow again",
  STRICT,
  async () => {
    const reader = new Reader(100);
    for (let n = 0; n < 50; n++) reader.sink.push("0123456789012345678\n"); // 20 bytes
    assert.equal(reader.sink.waiting, 100);
    assert.equal(reader.sink.dropped, 45);
    await reader.drain();
    assert.deepEqual(reader.told, [45]);
    assert.equal(reader.text, "0123456789012345678\n".repeat(5) + "dropped 45\n");
    reader.sink.push("after\n");
    await reader.drain();
    assert.equal(reader.text.endsWith("dropped 45\nafter\n"), true);
    assert.equal(reader.sink.dropped, 45);
  },
);

Deno.test("V1: LogSink gives up on a reader that is gone, and goes on counting", STRICT, async () => {
  for (const code of ["EPIPE", "EBADF"]) {
    const reader = new Reader(100);
    for (let n = 0; n < 3; n++) reader.sink.push(`${n}\n`);
    reader.fail(code);
    await until(() => reader.sink.waiting === 0, "the end");
    reader.sink.push("more\n");
    assert.equal(reader.asked, 0);
    assert.equal(reader.sink.dropped, 4);
    assert.deepEqual(reader.told, []);
  }
});

Deno.test(
  "V1: LogSink tries again where a pipe is full, and goes on after a full disk without spinning",
  STRICT,
  async () => {
    const reader = new Reader(100);
    reader.sink.push("one\n");
    reader.fail("EAGAIN");
    await until(() => reader.asked === 1, "another try");
    await reader.drain();
    assert.equal(reader.text, "one\n");
    reader.sink.push("lost\n");
    reader.fail("ENOSPC");
    await until(() => reader.sink.waiting === 0, "the fault");
    assert.equal(reader.asked, 0);
    assert.deepEqual(reader.told, []);
    reader.sink.push("two\n");
    await reader.drain();
    assert.equal(reader.text, "one\ntwo\ndropped 1\n");
  },
);

Deno.test("V1: LogSink waits at the end for as long as it is told, and no longer", STRICT, async () => {
  const reader = new Reader(100);
  await reader.sink.flush(10_000);
  reader.sink.push("stuck\n");
  await reader.sink.flush(1);
  assert.equal(reader.sink.waiting, 6);
  const flushed = reader.sink.flush(10_000);
  reader.take();
  await flushed;
  assert.equal(reader.sink.waiting, 0);
});

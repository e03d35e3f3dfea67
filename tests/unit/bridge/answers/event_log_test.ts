// The events of a session, kept within bounds, found by ids that name their session (docs/behaviour.md N3).
import assert from "node:assert/strict";
import { EventLog } from "../../../../lib/bridge/answers/event_log.ts";
import { EventStream } from "../../../../lib/bridge/answers/event_stream.ts";
import { Outbox } from "../../../../lib/bridge/answers/outbox.ts";
import { Listeners } from "../../../../lib/bridge/sessions/listeners.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const LIMITS = { maxEvents: 5, maxBytes: 1000 };
const timers = new FakeTimers();
const encoder = new TextEncoder();

function newLog(tag = "abc", run = "r1", limits = LIMITS): EventLog {
  return new EventLog({ tag, run, account: new ByteAccount(), ...limits });
}

function newOutbox(): Outbox {
  return new Outbox({ highWaterBytes: 1e6, stallMs: 1000, account: new ByteAccount(), timers });
}

/** The data of everything that waits in an outbox. */
async function read(outbox: Outbox): Promise<string[]> {
  if (outbox.size === 0) return [];
  const text = new TextDecoder().decode((await outbox.read())!);
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => data!);
}

Deno.test("PROTOCOL 16: an id is known to its own session and run only", STRICT, () => {
  const log = newLog();
  const stream = log.newStream();
  const place = log.next(stream);
  const id = log.idOf(place);
  assert.deepEqual(log.placeOf(id), place);
  assert.equal(newLog("abd").placeOf(id), undefined, "another session");
  assert.deepEqual(
    newLog("abc", "r2").placeOf(id),
    { lost: true, place: undefined, call: undefined },
    "an earlier run of the same session",
  );
  for (const forged of ["", "abc", id + "0", id.replace(/-\d+$/, "-99"), `abc-r1-99-1`, "abc-r1--1", `${id}\n`]) {
    assert.equal(log.placeOf(forged), undefined, forged);
  }
});

Deno.test("N3: the log keeps the newest within its bounds", STRICT, () => {
  const log = newLog("a", "b", { maxEvents: 3, maxBytes: 10 });
  const stream = log.newStream();
  const start = log.next(stream);
  const add = (size: number) => log.add({ ...log.next(stream), data: new Uint8Array(size) });
  for (const size of [1, 2, 3, 4]) add(size);
  assert.deepEqual(log.after(start).map(({ data }) => data.length), [2, 3, 4]);
  add(9);
  assert.deepEqual([log.size, log.bytes], [1, 9], "bytes count as well as events");
  add(11);
  assert.deepEqual([log.size, log.bytes], [1, 9], "one that could never fit costs the others nothing");
});

Deno.test("N1: a stream's late end does not take it from who has resumed it", STRICT, async () => {
  const log = newLog();
  const stream = new EventStream(log);
  const [old, resumed] = [newOutbox(), newOutbox()];
  stream.attach(old);
  stream.attach(resumed, { stream: stream.number, sequence: 0 });
  stream.detach(old);
  assert.ok(stream.attached);
  stream.send(encoder.encode("{}"));
  assert.deepEqual(await read(resumed), ["{}"]);
  assert.deepEqual(await read(old), []);
});

Deno.test("N1: what was said to nobody is told once, to whoever listens next", STRICT, async () => {
  const log = newLog();
  const listeners = new Listeners(log);
  listeners.send(encoder.encode("1"));
  const first = newOutbox();
  const stream = listeners.open(first, { prime: false });
  assert.deepEqual(await read(first), ["1"]);
  stream.detach(first);
  listeners.send(encoder.encode("2"));
  const second = newOutbox();
  listeners.open(second, { prime: false });
  assert.deepEqual(await read(second), ["2"]);
  const resumed = newOutbox();
  listeners.resume({ stream: stream.number, sequence: 0 }, resumed);
  assert.deepEqual(await read(resumed), ["1"], "what went to another stream is not replayed on this one");
});

Deno.test("N1: an outbox that is full holds its writer back until it is read", STRICT, async () => {
  const outbox = new Outbox({ highWaterBytes: 3, stallMs: 1000, account: new ByteAccount(), timers });
  outbox.push(encoder.encode("abc"));
  assert.equal(outbox.whenDrained(), undefined);
  outbox.push(encoder.encode("d"));
  let drained = false;
  const wait = outbox.whenDrained()!.then(() => drained = true);
  await Promise.resolve();
  assert.equal(drained, false);
  assert.equal(new TextDecoder().decode((await outbox.read())!), "abcd");
  await wait;
  outbox.end();
  assert.equal(await outbox.read(), null);
});

Deno.test("B9: an answer that has to make room leaves in its place what tells whoever resumes", STRICT, () => {
  const log = new EventLog({ tag: "s", run: "r", maxEvents: 10, maxBytes: 100, account: new ByteAccount() });
  const text = (data: Uint8Array | undefined) => new TextDecoder().decode(data);
  const instead = () => new TextEncoder().encode("gone");
  const answered = log.newStream(), other = log.newStream();
  const start = log.next(answered);
  log.add({ ...log.next(answered), data: new Uint8Array(60), instead });
  for (let i = 0; i < 5; i++) log.add({ ...log.next(other), data: new Uint8Array(30) });
  assert.deepEqual(log.after(start).map(({ data }) => text(data)), ["gone"]);
  assert.ok(log.bytes <= 100, `${log.bytes} bytes`);
  log.add({ ...log.next(answered), data: new Uint8Array(1000), instead });
  assert.deepEqual(log.after(start).map(({ data }) => text(data)), ["gone", "gone"], "one that never fitted, too");
  for (let i = 0; i < 20; i++) log.add({ ...log.next(other), data: new Uint8Array(1) });
  assert.deepEqual(log.after(start), [], "the bound in number holds for all");
  assert.equal(log.size, 10);
});

Deno.test(
  "A5 N3: an id says where the peers stood, and whose call's answer the stream is, to a later run",
  STRICT,
  () => {
    const log = newLog("abc");
    const id = log.idOf({ ...log.next(log.newStream()), place: "Az09", call: "2231" });
    assert.deepEqual(newLog("abc", "r2").placeOf(id), { lost: true, place: "Az09", call: "2231" });
    const bare = log.idOf({ ...log.next(log.newStream()), call: "2231" });
    assert.deepEqual(newLog("abc", "r2").placeOf(bare), { lost: true, place: undefined, call: "2231" });
    assert.equal(newLog("abc", "r2").placeOf(`${bare}0`), undefined, "half a byte");
  },
);

// What is read of many servers' pipes at once, against pipes that are memory: no process is started.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import type { LongLine } from "../../../../lib/upstream/stdio/lines.ts";
import { DEFAULT_PROCESS_LIMITS, ServerProcess } from "../../../../lib/upstream/stdio/process.ts";
import { StderrLog } from "../../../../lib/upstream/stdio/stderr_log.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";

const CHUNK = 64;
/** Of no process: the kernel gives none so high a number. */
const NO_PID = 2 ** 30;
const TURN_MS = 10_000;
const NONE = () => Promise.resolve(undefined);
const TABLE = { owner: undefined, list: NONE, find: NONE, markOf: NONE };
const NEWLINE = 0x0a;

/** A server whose pipe is written here. */
class FakeServer implements AsyncDisposable {
  readonly lines: number[] = [];
  readonly longLines: LongLine[] = [];
  /** By all, as far as one that has just been given a line can see. */
  mostHeld = 0;
  /** How a line that has been read is taken. Default: at once. */
  taken: () => Promise<void> | undefined = () => undefined;
  readonly #process: ServerProcess;
  readonly #status = Promise.withResolvers<{ code: number; signal: null }>();
  #pipe: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(account: ByteAccount, timers: FakeTimers) {
    const log = SILENT_LOG;
    this.#process = new ServerProcess({
      launch: { command: "", args: [], env: {} },
      spawn: () => ({
        pid: NO_PID,
        stdin: new WritableStream(),
        stdout: new ReadableStream({ start: (pipe) => void (this.#pipe = pipe) }),
        stderr: new ReadableStream({ start: (pipe) => pipe.close() }),
        status: this.#status.promise,
      }),
      table: TABLE,
      mark: "",
      limits: DEFAULT_PROCESS_LIMITS,
      ...{ account, timers, log },
      stderr: new StderrLog({ log, timers, facts: () => ({}), secrets: [] }),
      onLine: (line) => {
        this.lines.push(line.length);
        this.mostHeld = Math.max(this.mostHeld, account.held);
        return this.taken();
      },
      onLongLine: (line) => void this.longLines.push(line),
      onExit: () => {},
    });
  }

  write(bytes: number): void {
    this.#pipe!.enqueue(new Uint8Array(bytes).fill(0x78));
  }

  /** A line in small pieces, all of which are in its pipe at once. */
  writeLine(pieces: number): void {
    for (let n = 0; n < pieces; n++) this.write(CHUNK);
    this.#pipe!.enqueue(Uint8Array.of(NEWLINE));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#status.resolve({ code: 0, signal: null });
    this.#pipe!.close();
    await this.#process.gone;
  }
}

async function fakeServers(count: number, account: ByteAccount) {
  const timers = new FakeTimers();
  const servers = Array.from({ length: count }, () => new FakeServer(account, timers));
  await settle();
  const end = () => Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  return { timers, servers, [Symbol.asyncDispose]: async () => void await end() };
}

/** Every pipe is read as far as it may be: each piece is a few turns away from the last. */
async function readAll(): Promise<void> {
  for (let n = 0; n < 200; n++) await settle();
}

Deno.test("M6: long lines of many servers are read one after the other once memory is overdrawn", STRICT, async () => {
  const [count, pieces, limit] = [20, 15, 8 * CHUNK];
  const account = new ByteAccount(limit);
  await using scene = await fakeServers(count, account);
  for (const server of scene.servers) server.writeLine(pieces);
  await readAll();
  for (const { lines } of scene.servers) assert.deepEqual(lines, [pieces * CHUNK]);
  assert.equal(account.held, 0);
  const most = Math.max(...scene.servers.map(({ mostHeld }) => mostHeld));
  assert.ok(most <= limit + pieces * CHUNK + count * CHUNK, `found ${most} held`);
});

Deno.test("M2: a caller whose memory is overdrawn holds up no line of another's", STRICT, async () => {
  const account = new ByteAccount(1000 * CHUNK);
  account.shareLimit = 2 * CHUNK;
  await using greedy = await fakeServers(3, account.shareOf("greedy"));
  await using other = await fakeServers(1, account.shareOf("other"));
  for (const server of greedy.servers) server.write(2 * CHUNK);
  await readAll();
  other.servers[0]!.writeLine(50);
  await readAll();
  assert.deepEqual(other.servers[0]!.lines, [50 * CHUNK]);
});

Deno.test(
  "M6: a line that does not end in its turn is left out where others wait, and only there",
  STRICT,
  async () => {
    const account = new ByteAccount(CHUNK);
    await using scene = await fakeServers(2, account);
    const [slow, other] = scene.servers as [FakeServer, FakeServer];
    slow.write(2 * CHUNK);
    await readAll();
    await scene.timers.advance(3 * TURN_MS);
    assert.ok(account.held >= 2 * CHUNK, "nobody waits: it has all the time it wants");
    other.writeLine(5);
    await readAll();
    assert.deepEqual(other.lines, []);
    await scene.timers.advance(TURN_MS);
    assert.deepEqual(other.lines, [5 * CHUNK]);
    assert.equal(account.held, 0);
    slow.writeLine(1);
    slow.writeLine(1);
    await readAll();
    assert.deepEqual(slow.longLines.map(({ bytes, overdue }) => ({ bytes, overdue })), [
      { bytes: 3 * CHUNK, overdue: true },
    ]);
    assert.deepEqual(slow.lines, [CHUNK], "the next one is whole");
  },
);

Deno.test("M6: a line that nobody takes loses its turn, but not what comes behind it", STRICT, async () => {
  const account = new ByteAccount(CHUNK);
  await using scene = await fakeServers(2, account);
  const [slow, other] = scene.servers as [FakeServer, FakeServer];
  const taking = Promise.withResolvers<void>();
  slow.taken = () => taking.promise;
  slow.writeLine(5);
  await readAll();
  other.writeLine(5);
  await readAll();
  assert.deepEqual([slow.lines, other.lines], [[5 * CHUNK], []]);
  assert.ok(account.held >= 5 * CHUNK, "it is held as long as it is not taken");
  await scene.timers.advance(TURN_MS);
  assert.deepEqual(other.lines, [5 * CHUNK]);
  taking.resolve();
  slow.taken = () => undefined;
  slow.writeLine(2);
  await readAll();
  assert.deepEqual([slow.lines, slow.longLines.length, account.held], [[5 * CHUNK, 2 * CHUNK], 0, 0]);
});

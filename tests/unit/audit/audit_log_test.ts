// G1: what an audit log cannot write is counted or waited for, in order, and nothing is written twice.
import assert from "node:assert/strict";
import { AuditLog, type AuditLogOptions } from "../../../lib/audit/audit_log.ts";
import { type ChainKey, MAX_SEALED } from "../../../lib/audit/chain.ts";
import { FileSink } from "../../../lib/audit/file_sink.ts";
import type { AuditSink } from "../../../lib/audit/sink.ts";
import { type Verdict, Verifier } from "../../../lib/audit/verify.ts";
import { SignetError } from "../../../lib/errors.ts";
import { ExchangeRecord } from "../../../lib/observe/exchange_record.ts";
import type { LogFacts } from "../../../lib/observe/log.ts";
import { SILENT_LOG } from "../../support/silent_log.ts";
import { aMoment, until, within } from "../../support/until.ts";

const KEY: ChainKey = { id: "00000001", secret: new Uint8Array(32).fill(1) };

/** A disk under the test's control: it takes as many bytes of a write as it is told, or none. */
class Disk implements AuditSink {
  readonly kind = "file";
  readonly bytes: number[] = [];
  full = false;
  most = Infinity;
  closed = false;

  async write(bytes: Uint8Array): Promise<number> {
    await Promise.resolve();
    if (this.full) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const count = Math.min(bytes.length, this.most);
    this.bytes.push(...bytes.subarray(0, count));
    return count;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  lines(): Record<string, unknown>[] {
    const text = new TextDecoder().decode(Uint8Array.from(this.bytes));
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  async problems(): Promise<readonly unknown[]> {
    const verifier = new Verifier([KEY]);
    const bytes = Uint8Array.from(this.bytes);
    await verifier.read(
      "log",
      (async function* () {
        yield await Promise.resolve(bytes);
      })(),
    );
    return verifier.verdict.problems;
  }
}

function logOn(sink: AuditSink, options: Partial<AuditLogOptions> = {}): AuditLog {
  const rest = { key: KEY, whenFull: "drop", log: SILENT_LOG, now: () => 0, chainId: "c", version: "v" } as const;
  return new AuditLog({ sink, ...rest, ...options });
}

function record(name: string): ExchangeRecord {
  const made = new ExchangeRecord(0, "127.0.0.1");
  made.method = "tools/call";
  made.name = name;
  return made;
}

Deno.test("G1: an audit log writes in the order of what happened, whatever pieces are taken at a time", async () => {
  const disk = new Disk();
  disk.most = 7;
  const audit = logOn(disk);
  for (let n = 0; n < 300; n++) audit.onExchange(record(`tool ${n}`));
  await audit.close(10_000);
  const names = disk.lines().map(({ event, name }) => name ?? event);
  assert.deepEqual(names, ["audit.start", ...Array.from({ length: 300 }, (_, n) => `tool ${n}`), "audit.stop"]);
  assert.deepEqual(await disk.problems(), []);
  assert.equal(disk.closed, true);
  assert.deepEqual([audit.stats.lines, audit.stats.waiting, audit.stats.dropped], [302, 0, 0]);
});

Deno.test("G1: with drop, what finds no room is counted, and told of in the chain once it flows again", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk, { maxWaiting: 4000 });
  for (let n = 0; n < 200; n++) audit.onExchange(record(`tool ${n}`));
  await until(() => audit.stats.failing === 1, "the disk to be full");
  const { dropped } = audit.stats;
  assert.equal(dropped > 100 && dropped < 200, true, `${dropped} dropped`);
  assert.equal(audit.room(), undefined, "nobody waits");
  disk.full = false;
  await until(() => audit.stats.waiting === 0, "the backlog to be written");
  assert.equal(audit.stats.failing, 0);
  audit.onExchange(record("afterwards"));
  await audit.close(10_000);
  const lines = disk.lines();
  const gaps = lines.filter(({ event }) => event === "audit.gap");
  assert.deepEqual(gaps.map((gap) => gap.dropped), [dropped]);
  assert.equal(lines.filter(({ event }) => event === "tool.call").length, 200 - dropped + 1);
  assert.deepEqual(lines.at(-2)!.name, "afterwards");
  assert.deepEqual(await disk.problems(), []);
});

Deno.test("G1: with wait, requests wait for room, and nothing that is under way is lost", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk, { maxWaiting: 4000, whenFull: "wait" });
  let under = 0;
  let waiting: Promise<void> | undefined;
  while ((waiting = audit.room()) === undefined) audit.onExchange(record(`tool ${under++}`));
  let isIn = false;
  const entered = waiting.then(() => isIn = true);
  for (let n = 0; n < 10; n++) audit.onExchange(record(`tool ${under++}`));
  assert.equal(isIn, false);
  disk.full = false;
  await entered;
  await audit.close(10_000);
  assert.equal(disk.lines().filter(({ event }) => event === "tool.call").length, under);
  assert.equal(audit.stats.dropped, 0);
});

Deno.test("G1: with wait, a request that has waited for too long is refused with 503, and that is counted", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk, { maxWaiting: 100, whenFull: "wait", patienceMs: 20 });
  let waiting: Promise<void> | undefined;
  while ((waiting = audit.room()) === undefined) audit.onExchange(record("tool"));
  const fault = await waiting.then(() => undefined, (fault: unknown) => fault);
  assert.equal(fault instanceof SignetError && fault.code, "audit_unavailable");
  assert.equal(audit.refused, 1);
  disk.full = false;
  await audit.close(10_000);
});

Deno.test("G1: a sink that takes nothing is one that fails, and nothing spins", async () => {
  const disk = new Disk();
  disk.most = 0;
  const audit = logOn(disk);
  await until(() => audit.stats.failing === 1, "the failure to be seen");
  disk.most = Infinity;
  await audit.close(10_000);
  assert.deepEqual(disk.lines().map(({ event }) => event), ["audit.start", "audit.stop"]);
});

Deno.test("G1: a collector that is there and reads nothing is told of as one that is not, once, and as soon as it reads again", async () => {
  const disk = new Disk();
  const reads = Promise.withResolvers<void>();
  const taking = disk.write.bind(disk);
  disk.write = (bytes) => reads.promise.then(() => taking(bytes));
  const told: string[] = [];
  const tell = (event: string) => void told.push(event);
  const audit = logOn(disk, { stallMs: 10, maxWaiting: 100, log: { ...SILENT_LOG, error: tell, info: tell } });
  for (let n = 0; n < 5; n++) audit.onExchange(record("tool"));
  assert.ok(audit.stats.dropped > 0);
  await until(() => audit.stats.failing === 1, "it to be told of");
  await aMoment(50);
  assert.deepEqual(told, ["audit log cannot be written"]);
  reads.resolve();
  await until(() => audit.stats.waiting === 0, "what waited to be read");
  assert.deepEqual([told, audit.stats.failing], [["audit log cannot be written", "audit log written again"], 0]);
  await audit.close(10_000);
});

Deno.test("G1: an audit log that cannot be written holds nobody up when Signet ends", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk);
  audit.onExchange(record("lost"));
  await audit.close(30);
  assert.deepEqual(disk.lines(), []);
});

Deno.test("G1: what has no next file holds no reload up, though nobody takes its lines", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk);
  await within("the reopening of what cannot be opened again", audit.reopen());
  await audit.close(30);
});

Deno.test("G2: a file that was removed, cut or written to by another shows while Signet runs, once", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/audit.jsonl`;
  const told: unknown[] = [];
  const log = { ...SILENT_LOG, error: (_event: string, facts?: LogFacts) => void told.push(facts?.found) };
  const sink = await FileSink.open({ path, trustsOthers: false });
  const audit = logOn(sink, { log });
  try {
    await until(() => audit.stats.lines === 1, "the first line");
    await audit.check();
    assert.deepEqual(told, []);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, "more\n", { append: true });
    await audit.check();
    await audit.check();
    await Deno.truncate(path, text.length - 10);
    await audit.check();
    await Deno.remove(path);
    await audit.check();
    assert.deepEqual(told, ["written to by somebody else", "cut", "moved or removed"]);
    await audit.reopen();
    await audit.check();
    assert.equal(told.length, 3);
  } finally {
    await audit.close(10_000);
    await Deno.remove(folder, { recursive: true });
  }
});

/** A disk that is full of the log's own file until that is let go of: forty bytes at a time, then no more. */
class DiskFullOfTheLog implements AuditSink {
  readonly kind = "file";
  /** Each as it was when it was left. */
  readonly files: number[][] = [[]];
  room = Infinity;
  /** What there is in the next file. */
  nextRoom = Infinity;
  /** Whether the present one has refused something. */
  isFull = false;
  /** Whether the file's name leads to another. */
  isMoved = false;
  /** How often it has been asked whether it does. */
  looks = 0;
  next: Error | undefined;
  canUndo = true;

  async write(bytes: Uint8Array): Promise<number> {
    await Promise.resolve();
    this.isFull = this.room === 0;
    if (this.isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const count = Math.min(bytes.length, this.room, 40);
    this.room -= count;
    this.files.at(-1)!.push(...bytes.subarray(0, count));
    return count;
  }

  undo(count: number): Promise<boolean> {
    if (!this.canUndo) return Promise.resolve(false);
    this.files.at(-1)!.splice(-count);
    this.room += count;
    return Promise.resolve(true);
  }

  openNext(): Promise<(() => Promise<void>) | undefined> {
    this.looks++;
    if (this.next !== undefined) return Promise.reject(this.next);
    if (!this.isMoved) return Promise.resolve(undefined);
    return Promise.resolve(() => {
      this.isMoved = false;
      this.room = this.nextRoom;
      this.isFull = false;
      this.files.push([]);
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async verdict(): Promise<Verdict> {
    const verifier = new Verifier([KEY]);
    for (const [at, bytes] of this.files.entries()) {
      await verifier.read(
        `log.${at}`,
        (async function* () {
          yield await Promise.resolve(Uint8Array.from(bytes));
        })(),
      );
    }
    return verifier.verdict;
  }

  names(): unknown[][] {
    return this.files.map((bytes) => {
      const lines = new TextDecoder().decode(Uint8Array.from(bytes)).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line)).map(({ name, event }) => name ?? event);
    });
  }
}

for (const when of ["before it is asked to", "when it has been asked already"]) {
  Deno.test(`G1 G2: a file that fills its disk is left for the next when it is moved away ${when}, and the chain goes on there`, async () => {
    const disk = new DiskFullOfTheLog();
    const audit = logOn(disk);
    audit.onExchange(record("written"));
    await until(() => audit.stats.waiting === 0, "the first lines to be written");
    disk.room = 100;
    audit.onExchange(record("half"));
    await until(() => audit.stats.failing === 1, "the disk to be full");
    for (const name of ["waits", "waits too"]) audit.onExchange(record(name));
    disk.isMoved = when === "before it is asked to";
    const rotated = audit.reopen();
    if (!disk.isMoved) await until(() => disk.looks > 0, "the name to be looked at");
    disk.isMoved = true;
    await rotated;
    await audit.close(10_000);
    assert.deepEqual(disk.names(), [["audit.start", "written"], [
      ...["audit.continue", "half", "waits", "waits too"],
      "audit.stop",
    ]]);
    const { problems, lines, end, dropped } = await disk.verdict();
    assert.deepEqual([problems, lines, end, dropped], [[], 7, "stop", 0]);
    assert.deepEqual([audit.stats.lines, audit.stats.waiting, audit.stats.failing], [7, 0, 0]);
  });
}

Deno.test("G2: a disk that is full while the next file cannot be opened says so, and the log goes on where it is", async () => {
  const disk = new DiskFullOfTheLog();
  const audit = logOn(disk);
  await until(() => audit.stats.waiting === 0, "the first line to be written");
  disk.room = 10;
  audit.onExchange(record("late"));
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.next = new Error("is no plain file");
  await assert.rejects(audit.reopen(), /is no plain file/);
  disk.room = Infinity;
  await audit.close(10_000);
  assert.deepEqual(disk.names(), [["audit.start", "late", "audit.stop"]]);
  assert.deepEqual((await disk.verdict()).problems, []);
});

Deno.test("G1: a full disk that takes the beginning each time is told of once, and once when it takes all", async () => {
  const disk = new DiskFullOfTheLog();
  const told: string[] = [];
  const tell = (event: string) => void told.push(event);
  const audit = logOn(disk, { log: { ...SILENT_LOG, error: tell, info: tell } });
  await until(() => audit.stats.waiting === 0, "the first line to be written");
  let [tries, failing] = [0, 0];
  disk.undo = (count) => {
    tries++;
    failing += audit.stats.failing;
    return DiskFullOfTheLog.prototype.undo.call(disk, count);
  };
  disk.room = 50;
  audit.onExchange(record("late"));
  await until(() => tries === 3, "it to be tried again");
  assert.deepEqual([told, failing], [["audit log cannot be written"], 3]);
  disk.room = Infinity;
  await until(() => audit.stats.waiting === 0, "the rest to be written");
  assert.deepEqual([told, audit.stats.failing], [["audit log cannot be written", "audit log written again"], 0]);
  await audit.close(10_000);
});

Deno.test("G2: what a full disk has taken half of, and does not give back, shows as torn, and is whole in the next file", async () => {
  const disk = new DiskFullOfTheLog();
  disk.canUndo = false;
  const audit = logOn(disk);
  await until(() => audit.stats.waiting === 0, "the first line to be written");
  disk.room = 10;
  audit.onExchange(record("half"));
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.isMoved = true;
  await audit.reopen();
  await audit.close(10_000);
  const { problems } = await disk.verdict();
  assert.deepEqual(problems.map(({ file }) => file), ["log.0"]);
  disk.files[0] = disk.files[0]!.slice(0, -10);
  assert.deepEqual(disk.names()[1], ["audit.continue", "half", "audit.stop"]);
});

Deno.test("G2: of many lines that a full disk has taken some of, and does not give back, those under a MAC are not in the next file", async () => {
  const disk = new DiskFullOfTheLog();
  disk.canUndo = false;
  const audit = logOn(disk);
  await until(() => audit.stats.waiting === 0, "the first line to be written");
  const names = Array.from({ length: 3 * MAX_SEALED }, (_, n) => `tool ${n}`);
  for (const name of names) audit.onExchange(record(name));
  disk.room = Math.floor(audit.stats.waiting * 3 / 5);
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.isMoved = true;
  await audit.reopen();
  await audit.close(10_000);
  const behind = (await disk.verdict()).problems.map(({ file }) => file);
  assert.deepEqual(behind, ["log.0"], "what stands behind the last MAC");
  disk.files[0] = disk.files[0]!.slice(0, lastSealed(disk.files[0]!));
  const { problems, lines, head } = await disk.verdict();
  assert.deepEqual(problems, []);
  assert.deepEqual(disk.names().flat().filter((name) => names.includes(String(name))), names, "each of them once");
  assert.deepEqual([lines, head?.seq, audit.stats.lines], [names.length + 3, names.length + 3, names.length + 3]);
  assert.ok(disk.names()[0]!.length > MAX_SEALED);
});

/** A log that starts on a full disk, and goes on in the first file that has room for more than its own first line. */
async function startOnFullDisk(rooms: readonly number[]): Promise<DiskFullOfTheLog> {
  const disk = new DiskFullOfTheLog();
  const before = logOn(disk);
  await before.close(10_000);
  const since = new TextEncoder().encode('"}\n');
  const recovered = { ...before.head, since, ...{ unsealed: 0, torn: 0, endsLine: false, stopped: true } };
  disk.room = 10;
  const audit = logOn(disk, { recovered });
  for (const room of rooms) {
    await until(() => disk.isFull && audit.stats.failing === 1, "the disk to be full");
    disk.nextRoom = room;
    disk.isMoved = true;
    await audit.reopen();
  }
  await audit.close(10_000);
  return disk;
}

Deno.test("G2: a start that a full disk does not take goes on in the next file, behind its first line", async () => {
  const disk = await startOnFullDisk([Infinity]);
  assert.deepEqual(disk.names(), [["audit.start", "audit.stop"], ["audit.continue", "audit.start", "audit.stop"]]);
  assert.deepEqual((await disk.verdict()).problems, []);
});

Deno.test("G2: and in the file after that, where the next one took no more than its first line", async () => {
  const firstLine = (await startOnFullDisk([Infinity])).files[1]!.indexOf(0x0a) + 1;
  const disk = await startOnFullDisk([firstLine, Infinity]);
  const started = ["audit.continue", "audit.start", "audit.stop"];
  assert.deepEqual(disk.names(), [["audit.start", "audit.stop"], ["audit.continue"], started]);
  assert.deepEqual((await disk.verdict()).problems, []);
});

Deno.test("G2: a start that its first file does not take begins the chain in the next one, behind whatever chain there was", async () => {
  const disk = new DiskFullOfTheLog();
  await logOn(disk).close(10_000);
  // Moved away while nothing ran.
  disk.files.push([]);
  disk.room = 10;
  const audit = logOn(disk, { chainId: "another" });
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.isMoved = true;
  await audit.reopen();
  await audit.close(10_000);
  const started = ["audit.start", "audit.stop"];
  assert.deepEqual(disk.names(), [started, [], started]);
  disk.files.splice(1, 1);
  const { problems, anew, lines } = await disk.verdict();
  assert.deepEqual([problems, anew, lines, audit.stats.lines], [[], 1, 4, 2]);
});

Deno.test("G2: a start that a full disk does not take goes on behind a file in which there is but the first line of one that was killed", async () => {
  const disk = new DiskFullOfTheLog();
  const killed = logOn(disk);
  await until(() => killed.stats.waiting === 0, "the start to be written");
  disk.isMoved = true;
  await killed.reopen();
  await until(() => killed.stats.lines === 3, "the next file's first line");
  const since = new TextEncoder().encode('"}\n');
  const recovered = { ...killed.head, since, ...{ unsealed: 0, torn: 0, endsLine: false, stopped: false } };
  disk.room = 10;
  const audit = logOn(disk, { recovered, chainId: "another" });
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.isMoved = true;
  await audit.reopen();
  await audit.close(10_000);
  const goesOn = ["audit.continue", "audit.start", "audit.stop"];
  assert.deepEqual(disk.names(), [["audit.start", "audit.rotate"], ["audit.continue"], goesOn]);
  assert.deepEqual((await disk.verdict()).problems, []);
});

Deno.test("G2: lines that a killed process left without a MAC, and the start behind them that a full disk took in part, keep their numbers", async () => {
  const disk = new DiskFullOfTheLog();
  disk.canUndo = false;
  await logOn(disk).close(10_000);
  const [sealed, torn] = [disk.files[0]!.length, '{"v":1,"seq":3,"time":"t","event":"tool.call"}\n'];
  disk.files[0]!.push(...new TextEncoder().encode(torn));
  const mac = /"mac":"(\w+)"\}\n$/.exec(
    new TextDecoder().decode(Uint8Array.from(disk.files[0]!.slice(0, sealed))),
  )![1]!;
  const since = new TextEncoder().encode(`"}\n${torn}`);
  const recovered = { mac, seq: 3, since, ...{ unsealed: 1, torn: 0, endsLine: false, stopped: false } };
  // Its start with its end, and some of the call behind that.
  disk.room = 400;
  const audit = logOn(disk, { recovered, chainId: "another" });
  audit.onExchange(record("half"));
  await until(() => audit.stats.failing === 1, "the disk to be full");
  disk.isMoved = true;
  await audit.reopen();
  await audit.close(10_000);
  disk.files[0] = disk.files[0]!.slice(0, disk.files[0]!.lastIndexOf(0x0a) + 1);
  assert.deepEqual(disk.names()[0], ["audit.start", "audit.stop", "tool.call", "audit.start"]);
  assert.deepEqual(disk.names()[1], ["audit.continue", "audit.start", "half", "audit.stop"]);
  const behind = ["log.0", "the last lines have no MAC: they are being written, or what sealed them was cut"];
  assert.deepEqual((await disk.verdict()).problems.map(({ file, found }) => [file, found]), [behind]);
  disk.files[0] = disk.files[0]!.slice(0, sealed);
  assert.deepEqual((await disk.verdict()).problems.map(({ found }) => found), ["line 4 stands behind line 2"]);
});

/** Behind the last line that has a MAC. */
function lastSealed(bytes: readonly number[]): number {
  const text = new TextDecoder().decode(Uint8Array.from(bytes));
  return [...text.matchAll(/,"mac":"[0-9a-f]{32}"\}\n/g)].map(({ index, 0: { length } }) => index + length).at(-1)!;
}

Deno.test("G1: with wait, nobody waits any more once others have waited in vain", async () => {
  const disk = new Disk();
  disk.full = true;
  const audit = logOn(disk, { maxWaiting: 100, whenFull: "wait", patienceMs: 20 });
  let waiting: Promise<void> | undefined;
  while ((waiting = audit.room()) === undefined) audit.onExchange(record("tool"));
  await assert.rejects(waiting);
  await assert.rejects(Promise.race([audit.room(), Promise.resolve("waits")]), /cannot be recorded now/);
  disk.full = false;
  const hasRoom = () => Promise.resolve(audit.room()).then(() => true, () => false);
  await until(hasRoom, "room again");
  await audit.close(10_000);
});

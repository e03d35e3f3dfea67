// G2: whatever is done to a log by somebody without the key is found, whatever it is; what was not touched is whole.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Chain, type ChainKey, MAX_SEALED, MAX_SEALED_BYTES } from "../../../lib/audit/chain.ts";
import { type Verdict, Verifier } from "../../../lib/audit/verify.ts";
import { sealTexts } from "../../support/audit.ts";

const KEY: ChainKey = { id: "00000001", secret: new Uint8Array(32).fill(1) };
const OTHER: ChainKey = { id: "00000002", secret: new Uint8Array(32).fill(2) };

const START = `"time":"t","event":"audit.start","key":"${KEY.id}"`;
const STOP = '"time":"t","event":"audit.stop"';
const line = (n: number) => `"time":"t","event":"tool.call","name":"tool ${n}","out":${n}`;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** A log of batches of these sizes, from start to stop. */
function logOf(sizes: readonly number[]): Uint8Array {
  const chain = new Chain(KEY);
  let n = 0;
  const start = sealTexts(chain, [START]);
  const batches = sizes.map((size) => sealTexts(chain, Array.from({ length: size }, () => line(n++))));
  return joined([start, ...batches, sealTexts(chain, [STOP])]);
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function verdictOf(bytes: Uint8Array, keys: readonly ChainKey[] = [KEY]): Promise<Verdict> {
  const verifier = new Verifier(keys);
  await verifier.read("log", whole(bytes));
  return verifier.verdict;
}

/** Whether an attentive reader notices: problems, or an end that is open though Signet had ended. */
function isSound({ problems, end }: Verdict): boolean {
  return problems.length === 0 && end === "stop";
}

const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });

/** Ways to change a log's bytes. Undefined where nothing comes of it. */
function edit(bytes: Uint8Array, way: number, at: number, to: number): Uint8Array {
  const lines = [...new TextDecoder("latin1").decode(bytes).matchAll(/[^\n]*\n/g)].map(([text]) => text);
  const i = at % lines.length, j = to % lines.length;
  const text = (parts: readonly string[]) => Uint8Array.from(parts.join(""), (char) => char.charCodeAt(0));
  switch (way) {
    case 0: { // a byte
      const copy = bytes.slice();
      copy[at % copy.length] = to & 0xff;
      return copy;
    }
    case 1: // a line removed
      return text(lines.toSpliced(i, 1));
    case 2: // a line said twice, or moved elsewhere
      return text(lines.toSpliced(j, 0, lines[i]!));
    case 3: // two exchanged
      return text(lines.with(i, lines[j]!).with(j, lines[i]!));
    case 4: // the end cut off, anywhere
      return bytes.slice(0, at % bytes.length);
    case 5: // the beginning cut off
      return text(lines.slice(i));
    case 6: // a line put in
      return text(lines.toSpliced(i, 0, `{"v":1,"seq":${j},${line(at)}}\n`));
    default: { // a byte put in or taken out
      const k = at % bytes.length;
      return joined([
        bytes.subarray(0, k),
        ...(to % 2 === 0 ? [Uint8Array.of(to & 0x7f)] : []),
        bytes.subarray(k + to % 2),
      ]);
    }
  }
}

Deno.test("G2: lines that are written at once are sealed as if each batch of them had been", () => {
  for (const count of [1, MAX_SEALED - 1, MAX_SEALED, MAX_SEALED + 1, 3 * MAX_SEALED, 3 * MAX_SEALED + 7]) {
    const texts = Array.from({ length: count }, (_, n) => line(n));
    const [once, apart] = [new Chain(KEY), new Chain(KEY)];
    const bytes = joined([sealTexts(once, [START]), sealTexts(once, texts), sealTexts(once, [STOP])]);
    const parts = [sealTexts(apart, [START])];
    for (let at = 0; at < count; at += MAX_SEALED) parts.push(sealTexts(apart, texts.slice(at, at + MAX_SEALED)));
    parts.push(sealTexts(apart, [STOP]));
    assert.deepEqual(bytes, joined(parts), `${count} lines`);
    assert.deepEqual(once.head, apart.head);
  }
});

Deno.test("G2: under one MAC is no more than whoever goes on behind a killed process looks for one in", async () => {
  const chain = new Chain(KEY);
  const long = `"time":"t","event":"tool.call","name":"${"x".repeat(40_000)}"`;
  const bytes = sealTexts(chain, [START, ...Array.from({ length: MAX_SEALED - 2 }, () => long), STOP]);
  const text = new TextDecoder().decode(bytes);
  const between = text.split(/,"mac":"[0-9a-f]{32}"/).map(({ length }) => length);
  assert.ok(text.length > 8 * MAX_SEALED_BYTES);
  assert.ok(Math.max(...between) < MAX_SEALED_BYTES + 2 * long.length, `${Math.max(...between)} bytes`);
  assert.equal(isSound(await verdictOf(bytes)), true);
});

Deno.test("G2: the chain of a log that nobody has touched is whole, in whatever pieces it is read", async () => {
  await fc.assert(fc.asyncProperty(sizes, fc.integer({ min: 1, max: 64 }), async (sizes, size) => {
    const bytes = logOf(sizes);
    const verifier = new Verifier([OTHER, KEY]);
    await verifier.read(
      "log",
      (async function* () {
        for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
      })(),
    );
    const verdict = verifier.verdict;
    assert.deepEqual(verdict.problems, []);
    assert.equal(verdict.lines, sizes.reduce((sum, size) => sum + size, 2));
    assert.equal(verdict.head?.seq, verdict.lines);
    assert.equal(isSound(verdict), true);
  }));
});

Deno.test("G2: each of 1,000 random edits of a log is detected", async () => {
  let edits = 0;
  const args = [sizes, fc.integer({ min: 0, max: 7 }), fc.nat(100_000), fc.nat(100_000)] as const;
  await fc.assert(
    fc.asyncProperty(...args, async (sizes, way, at, to) => {
      const bytes = logOf(sizes);
      const edited = edit(bytes, way, at, to);
      const isSame = edited.length === bytes.length && edited.every((byte, i) => byte === bytes[i]);
      fc.pre(!isSame);
      edits++;
      assert.equal(isSound(await verdictOf(edited)), false);
    }),
    { numRuns: 1000 },
  );
  assert.equal(edits, 1000);
});

Deno.test("G2: what is changed in one batch is told of that batch, and not of those after it", async () => {
  const text = new TextDecoder().decode(logOf([3, 3, 3]));
  const { problems } = await verdictOf(new TextEncoder().encode(text.replace('"name":"tool 4"', '"name":"tool 5"')));
  assert.deepEqual(problems.map(({ from, to, found }) => [from, to, found]), [
    [5, 7, "these lines are not as they were written"],
  ]);
});

Deno.test("G2: a log that another key has sealed is no log of ours", async () => {
  assert.match((await verdictOf(logOf([2]), [OTHER])).problems[0]!.found, /00000001, which is not in the ring/);
  const forged = new Chain(OTHER);
  const bytes = joined([sealTexts(forged, [START]), sealTexts(forged, [line(1)]), sealTexts(forged, [STOP])]);
  assert.equal(isSound(await verdictOf(bytes, [KEY, OTHER])), false);
});

Deno.test("G2: files in a row are one chain; one that is missing or out of order shows", async () => {
  const chain = new Chain(KEY);
  const first = joined([
    sealTexts(chain, [START]),
    sealTexts(chain, [line(1)]),
    sealTexts(chain, ['"event":"audit.rotate"']),
  ]);
  const { mac } = chain.head;
  chain.turnPage();
  const second = joined([
    sealTexts(chain, [`"event":"audit.continue","key":"${KEY.id}","prev":"${mac}"`]),
    sealTexts(chain, ['"event":"audit.rotate"']),
  ]);
  const next = chain.head.mac;
  chain.turnPage();
  const third = joined([
    sealTexts(chain, [`"event":"audit.continue","key":"${KEY.id}","prev":"${next}"`]),
    sealTexts(chain, [`"event":"audit.key","key":"${OTHER.id}"`]),
  ]);
  chain.key = OTHER;
  const fourth = joined([third, sealTexts(chain, [line(2)]), sealTexts(chain, [STOP])]);
  const read = async (...files: Uint8Array[]) => {
    const verifier = new Verifier([KEY, OTHER]);
    for (const [index, file] of files.entries()) await verifier.read(`${index}`, whole(file));
    return verifier.verdict;
  };
  const all = await read(first, second, fourth);
  assert.deepEqual([all.problems, all.continues, all.end], [[], false, "stop"]);
  assert.equal((await read(second, fourth)).continues, true);
  assert.equal((await read(second, fourth)).problems.length, 0);
  assert.match((await read(first, fourth)).problems[0]!.found, /does not go on where the file before it ended/);
  assert.equal((await read(second, first, fourth)).problems.length > 0, true);
  // As a shell lists what logrotate has named.
  const order = /not in the order in which they were written/;
  assert.match((await read(second, first)).problems[0]?.found ?? "", order);
  assert.ok((await read(fourth, second, first)).problems.some(({ found }) => order.test(found)));
  assert.deepEqual((await read(first, new Uint8Array(0))).problems.map(({ found }) => found), [
    "there is no line in it",
  ]);
  // Another file than was meant.
  const other = new TextEncoder().encode("upstream: http://127.0.0.1:3000/mcp\nprincipal: jwt\n");
  assert.deepEqual((await read(other)).problems.map(({ found }) => found), ["no line of it is one of an audit log"]);
  assert.match((await read(first, first)).problems[0]?.found ?? "", /is among these twice/);
  assert.match((await read(first, second, second)).problems.at(-1)?.found ?? "", /is among these twice/);
  // As in place of another chain's file.
  const beginning = first.subarray(0, first.indexOf(0x0a) + 1);
  const [again] = (await read(beginning, first, second)).problems;
  assert.deepEqual([again?.file, again?.from, again?.found], [
    "1",
    1,
    "the file is among these twice, whole or in part",
  ]);
  assert.match((await read(first, second, beginning)).problems.at(-1)?.found ?? "", /is among these twice/);
});

Deno.test("G2: a file of empty lines costs no more memory than its bytes", async () => {
  const piece = new Uint8Array(250_000).fill(0x0a);
  const pieces = async function* () {
    for (let i = 0; i < 8; i++) yield await Promise.resolve(piece);
  };
  const verifier = new Verifier([]);
  const before = Deno.memoryUsage().rss;
  await verifier.read("log", pieces());
  // An object for each of them took a gigabyte for ten.
  assert.ok(Deno.memoryUsage().rss - before < 400e6, `${Deno.memoryUsage().rss - before} bytes`);
  assert.equal(verifier.verdict.lines, 2_000_000);
});

import { blake3 } from "@noble/hashes/blake3.js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { ephemeralKeyRing, generateKey, KeyRing, MasterKey, parseKeyRing } from "../../../lib/envelope/key_ring.ts";
import { ConfigError, type ConfigProblem } from "../../../lib/errors.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/keys.json" with { type: "json" };
import published from "../../vectors/published/blake3.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const keyOf = (fill: number, length = 32) => Buffer.alloc(length, fill).toString("base64");
const [A, B, C] = [keyOf(1), keyOf(2), keyOf(3)];
const ids = (ring: KeyRing) => ring.keys.map((key) => key.id);
const idOf = (base64: string) => new MasterKey(Buffer.from(base64, "base64")).id;

function problemsOf(text: string, place = "keys.txt"): readonly ConfigProblem[] {
  try {
    parseKeyRing(text, place);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.problems;
  }
  assert.fail("the ring was accepted");
}

/** A master key that is a counter, little-endian. */
function counterKey(value: number): Buffer {
  const master = Buffer.alloc(32);
  master.writeUInt32LE(value);
  return master;
}

Deno.test("E4: MasterKey derives the keys and the id of every committed vector", STRICT, () => {
  for (const vector of vectors) {
    const key = new MasterKey(Buffer.from(vector.base64, "base64"));
    assert.equal(hex(key.sealingKey), vector.sealingKey);
    assert.equal(hex(key.carriedCipherKey), vector.carriedCipherKey);
    assert.equal(hex(key.carriedMacKey), vector.carriedMacKey);
    assert.equal(hex(key.nonceKey), vector.nonceKey);
    assert.equal(hex(key.fingerprintKey), vector.fingerprintKey);
    assert.equal(key.id, vector.keyId);
    assert.equal(key.idWord, parseInt(vector.keyId, 16));
  }
});

Deno.test("E4: BLAKE3 agrees with its published vectors in the modes keys and nonces are made with", STRICT, () => {
  for (const { inputLength, keyedHash, deriveKey } of published.cases) {
    const input = Uint8Array.from({ length: inputLength }, (_, i) => i % 251);
    const length = keyedHash.length / 2;
    assert.equal(hex(blake3(input, { key: Buffer.from(published.key), dkLen: length })), keyedHash);
    assert.equal(hex(blake3(input, { key: Buffer.from(published.key), dkLen: 24 })), keyedHash.slice(0, 48));
    assert.equal(hex(blake3(input, { context: Buffer.from(published.context), dkLen: length })), deriveKey);
  }
});

Deno.test("E4: MasterKey derives keys that all differ from each other and from the master", STRICT, () => {
  const master = Buffer.alloc(32, 7);
  const key = new MasterKey(master);
  const all = [master, key.sealingKey, key.nonceKey, key.fingerprintKey, key.carriedCipherKey, key.carriedMacKey].map(
    hex,
  );
  assert.equal(new Set(all).size, all.length);
});

Deno.test("E6: MasterKey throws and names the length when it is not 32 bytes", STRICT, () => {
  assert.throws(() => new MasterKey(new Uint8Array(31)), { name: "RangeError", message: /31 bytes, want 32/ });
  assert.throws(() => new MasterKey(new Uint8Array(33)), { name: "RangeError", message: /33 bytes, want 32/ });
});

Deno.test("P1: MasterKey and KeyRing show ids and nothing else however they are printed", STRICT, () => {
  const ring = parseKeyRing(A, "test");
  const key = ring.active;
  const shown = [
    String(key),
    `${key}`,
    JSON.stringify(key),
    JSON.stringify({ ring }),
    inspect(key),
    inspect(key, { showHidden: true, depth: 9 }),
    Deno.inspect(key),
    Deno.inspect(ring, { depth: 9, showHidden: true }),
    String(ring),
    inspect(ring, { depth: 9 }),
    JSON.stringify(Object.entries(key)),
    JSON.stringify(Object.entries({ ...key })),
  ];
  const master = Buffer.from(A, "base64");
  for (
    const secret of [master, key.sealingKey, key.nonceKey, key.fingerprintKey, key.carriedCipherKey, key.carriedMacKey]
  ) {
    const forms = [
      hex(secret).slice(0, 16),
      Buffer.from(secret).toString("base64").slice(0, 12),
      [...secret].slice(0, 4),
    ];
    for (const text of shown) {
      for (const form of forms) assert(!text.replace(/\s/g, "").includes(String(form)), text);
    }
  }
  assert.equal(String(key), `MasterKey(${key.id})`);
  assert.equal(Deno.inspect(key), `MasterKey(${key.id})`);
  assert.equal(inspect(key), `MasterKey(${key.id})`);
  assert.equal(JSON.stringify(key), `"MasterKey(${key.id})"`);
});

Deno.test("E5: parseKeyRing makes the first key the active one and finds all by id", STRICT, () => {
  const ring = parseKeyRing(`${A}\n${B}\n${C}\n`, "keys.txt");
  assert.deepEqual(ids(ring), [idOf(A), idOf(B), idOf(C)]);
  assert.equal(ring.active.id, idOf(A));
  for (const key of ring.keys) assert.equal(ring.find(key.idWord), key);
  assert.equal(ring.find(ring.active.idWord ^ 1), undefined);
});

Deno.test(
  "E6: parseKeyRing reads lines and commas, skips blanks, comments, carriage returns and a BOM",
  STRICT,
  () => {
    const texts = [
      `${A},${B}`,
      `  ${A} , ${B}  ,`,
      `${A}\r\n${B}\r\n`,
      `\ufeff# first, second\n\n  ${A}   # active\n\t\n# ${C}\n${B}`,
      `${A},,${B}\n\n`,
    ];
    for (const text of texts) {
      assert.deepEqual(
        ids(parseKeyRing(text, "test")),
        [idOf(A), idOf(B)],
        JSON.stringify(text),
      );
    }
  },
);

Deno.test("E6: parseKeyRing names the length when a key is too short or too long", STRICT, () => {
  assert.match(problemsOf(keyOf(1, 16))[0]!.problem, /16 bytes, not 32/);
  assert.match(problemsOf(keyOf(1, 33))[0]!.problem, /33 bytes, not 32/);
});

Deno.test("E6: parseKeyRing refuses what is not padded standard base64", STRICT, () => {
  const unfit = [
    "not a key",
    A.replace("=", ""),
    `${A}=`,
    A.slice(1),
    `${A.slice(0, 20)} ${A.slice(20)}`,
    "é".repeat(44),
  ];
  for (const text of unfit) assert.match(problemsOf(text)[0]!.problem, /not valid standard base64/, text);
  // The last character's unused bits are not zero: a second text for the same bytes.
  assert.match(problemsOf(`${A.slice(0, 42)}F=`)[0]!.problem, /not valid standard base64/);
});

Deno.test("E6: parseKeyRing tells URL-safe base64 apart, with or without padding", STRICT, () => {
  const urlSafe = Buffer.alloc(32, 0xfb).toString("base64url");
  assert.match(problemsOf(urlSafe)[0]!.problem, /URL-safe/);
  assert.match(problemsOf(`${urlSafe}=`)[0]!.problem, /URL-safe/);
});

Deno.test("E6: parseKeyRing refuses a text without a key", STRICT, () => {
  for (const text of ["", " \n\n", "# nothing", ",,"]) {
    assert.deepEqual(problemsOf(text, "MCP_ENCRYPTION_KEY").map(({ place, problem }) => [place, problem]), [
      ["MCP_ENCRYPTION_KEY", "reading the key ring found no key"],
    ]);
  }
});

Deno.test("E6: parseKeyRing refuses a duplicate and says where the first one is", STRICT, () => {
  const [problem, ...rest] = problemsOf(`${A}\n${B}\n${A}`);
  assert.deepEqual(rest, []);
  assert.equal(problem!.place, "keys.txt:3");
  assert.match(problem!.problem, /stands at keys\.txt:1 already/);
});

Deno.test("E6: parseKeyRing refuses two different keys of the same id", STRICT, () => {
  // Found by search: the ids of these two are both 1907a14e.
  const twins = [967, 58557].map(counterKey);
  assert.deepEqual(twins.map((master) => new MasterKey(master).id), ["1907a14e", "1907a14e"]);
  const problems = problemsOf(twins.map((master) => master.toString("base64")).join(","), "MCP_ENCRYPTION_KEY");
  assert.equal(problems.length, 1);
  assert.equal(problems[0]!.place, "MCP_ENCRYPTION_KEY (key 2)");
  assert.match(problems[0]!.problem, /same key id as the one at MCP_ENCRYPTION_KEY \(key 1\)/);
});

Deno.test(
  "P3: parseKeyRing reports every problem at once, each with place and remedy, and quotes no key",
  STRICT,
  () => {
    const text = [A, "c2hvcnQ=", "# comment", A, "###", "?secret?", `${B},${keyOf(9, 48)}`].join("\n");
    const problems = problemsOf(text);
    assert.deepEqual(problems.map(({ place }) => place), [
      "keys.txt:2",
      "keys.txt:4",
      "keys.txt:6",
      "keys.txt:7 (key 2)",
    ]);
    for (const { problem, remedy } of problems) {
      assert.notEqual(remedy, "");
      for (const secret of [A, "c2hvcnQ", "secret", keyOf(9, 48)]) assert(!`${problem} ${remedy}`.includes(secret));
    }
  },
);

Deno.test(
  "E6: parseKeyRing gives up a file that is something else: a few problems say so as well as a million",
  STRICT,
  () => {
    for (const count of [9, 10, 11, 60_000]) {
      const found = problemsOf("a line of a log\n".repeat(count));
      assert.equal(found.length, Math.min(count, 11));
      const [last] = found.slice(-1);
      if (count > 10) assert.deepEqual([last?.place, last?.problem], ["keys.txt", "more is wrong behind that"]);
      else assert.equal(last?.place, `keys.txt:${count}`);
    }
  },
);

Deno.test("E6: parseKeyRing looks at no text that is far longer than any ring", STRICT, () => {
  const blanks = "\n".repeat(1024 * 1024 - A.length);
  assert.equal(parseKeyRing(blanks + A, "keys.txt").keys.length, 1);
  assert.deepEqual(problemsOf(`${blanks}\n${A}`).map(({ place, problem }) => [place, problem]), [
    ["keys.txt", "the key ring is longer than 1 MiB"],
  ]);
});

Deno.test("E6: parseKeyRing refuses more keys than anybody has", STRICT, () => {
  const keys = Array.from({ length: 1001 }, (_, i) => counterKey(i).toString("base64"));
  assert.equal(parseKeyRing(keys.slice(0, 1000).join(","), "keys.txt").keys.length, 1000);
  const [problem, ...rest] = problemsOf(keys.join("\n"));
  assert.deepEqual([problem?.place, rest.length], ["keys.txt", 0]);
  assert.match(problem!.problem, /more than 1000 keys/);
});

Deno.test("E5: KeyRing refuses to be empty and to hold one key twice", STRICT, () => {
  assert.throws(() => new KeyRing([]), RangeError);
  const key = new MasterKey(Buffer.alloc(32, 1));
  assert.throws(() => new KeyRing([key, key]), RangeError);
});

Deno.test("E5: KeyRing does not change when the array it was made of does", STRICT, () => {
  const keys = [new MasterKey(Buffer.alloc(32, 1))];
  const ring = new KeyRing(keys);
  keys.push(new MasterKey(Buffer.alloc(32, 2)));
  assert.equal(ring.keys.length, 1);
});

Deno.test("E6: generateKey writes 32 bytes of the given source as parseKeyRing reads them", STRICT, () => {
  const text = generateKey((length) => new Uint8Array(length).fill(1));
  assert.equal(text, A);
  assert.equal(parseKeyRing(text, "test").active.id, idOf(A));
});

Deno.test("E6: ephemeralKeyRing holds one key of the given source", STRICT, () => {
  const ring = ephemeralKeyRing((length) => new Uint8Array(length).fill(2));
  assert.deepEqual(ids(ring), [idOf(B)]);
});

import assert from "node:assert/strict";
import { keyPrefix, type StoreAddress, storeAddress } from "../../../../lib/config/values/store_address.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";
import { problemLines, warningsOf } from "../sources.ts";

const SINGLE = { kind: "single", master: undefined, database: 0, tls: false, username: undefined } as const;

const GOOD: readonly (readonly [string, StoreAddress])[] = [
  ["memory", "memory"],
  ["redis://store", { ...SINGLE, nodes: [{ host: "store", port: 6379 }] }],
  ["redis://[::1]:7000/3", { ...SINGLE, nodes: [{ host: "::1", port: 7000 }], database: 3 }],
  ["rediss://sig%40net@store:6380", {
    ...SINGLE,
    ...{ nodes: [{ host: "store", port: 6380 }], tls: true, username: "sig@net" },
  }],
  ["redis+cluster://a:1,b:2", { ...SINGLE, kind: "cluster", nodes: [{ host: "a", port: 1 }, { host: "b", port: 2 }] }],
  ["rediss+sentinel://a,b:2/main/4", {
    ...SINGLE,
    ...{ kind: "sentinel", nodes: [{ host: "a", port: 26379 }, { host: "b", port: 2 }] },
    ...{ master: "main", database: 4, tls: true },
  }],
];

Deno.test("a store's address says what and where it is, and is shown so that it reads the same", STRICT, () => {
  for (const [text, wanted] of GOOD) {
    assert.deepEqual(valueOf(storeAddress, text), wanted, text);
    assert.deepEqual(valueOf(storeAddress, storeAddress.format(wanted)), wanted, text);
  }
});

Deno.test("a store's address with a password is refused, and never quoted", STRICT, () => {
  const problem = problemOf(storeAddress, "redis://user:hunter2@store");
  assert.match(problem, /holds a password.*--store-password-file/);
  assert.doesNotMatch(problem, /hunter2/);
});

Deno.test("what is no store's address is refused with what is wanted", STRICT, () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ["http://store", /no store/],
    ["redis://", /host is none/],
    ["redis://a:70000", /host is none/],
    ["redis://a,b", /several hosts/],
    ["redis://a/x", /database/],
    ["redis://a?db=3", /blanks, \? or #/],
    ["redis+cluster://a/1", /a cluster has one only/],
    ["redis+sentinel://a", /what sentinels call/],
    ["redis+sentinel://a/main/1/2", /database/],
  ];
  for (const [text, problem] of bad) assert.match(problemOf(storeAddress, text), problem, text);
  assert.match(problemOf(keyPrefix, "a b"), /no prefix/);
});

Deno.test("a store and a state file, or a store's settings without one, are problems", STRICT, async () => {
  const upstream = ["--upstream", "http://127.0.0.1:1/mcp"];
  assert.deepEqual(await problemLines({ argv: [...upstream, "--store", "redis://s", "--state", "s.db"] }), [
    "--state: --store is given too",
  ]);
  assert.deepEqual(
    await problemLines({ argv: [...upstream, "--store-password-file", "p"], files: { p: "secret" } }),
    ["--store-password-file: no store is named"],
  );
  const inTheClear = /store is reached in the clear/;
  assert.match(await warningsOf({ argv: [...upstream, "--store", "redis://s"] }), inTheClear);
  assert.doesNotMatch(await warningsOf({ argv: [...upstream, "--store", "redis://127.0.0.1"] }), inTheClear);
});

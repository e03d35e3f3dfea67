// The committed vectors are what FORMAT.md says: a second implementation, written from that text, makes the same ones.
import assert from "node:assert/strict";
import { STRICT } from "../support/strict.ts";
import base62 from "./base62.json" with { type: "json" };
import carried from "./carried.json" with { type: "json" };
import keys from "./keys.json" with { type: "json" };
import owners from "./owners.json" with { type: "json" };
import { makeVectors } from "./reference.ts";
import sealed from "./sealed.json" with { type: "json" };
import sessions from "./sessions.json" with { type: "json" };
import several from "./several.json" with { type: "json" };

Deno.test("E1: the reference implementation makes exactly the committed vectors", STRICT, () => {
  assert.deepEqual(JSON.parse(JSON.stringify(makeVectors())), {
    "base62.json": base62,
    "keys.json": keys,
    "sealed.json": sealed,
    "sessions.json": sessions,
    "several.json": several,
    "owners.json": owners,
    "carried.json": carried,
  });
});

// What is known of a head stays known when its texts move.
import assert from "node:assert/strict";
import { HeadFacts } from "../../../lib/gateway/head_facts.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("HeadFacts says after settling what it said before, and what was found out about it", STRICT, () => {
  const fields = [
    "mcp-session-id",
    "s1",
    "authorization",
    "Bearer t",
    "origin",
    "https://o.test",
    "connection",
    "close",
  ];
  const facts = new HeadFacts(fields);
  const [guard, proof] = [{}, {}];
  facts.guardedBy = guard;
  facts.proof = proof;
  const before = { ...facts };
  facts.settle(fields.map((text) => text));
  assert.deepEqual({ ...facts }, before);
  assert.equal(facts.guardedBy, guard);
  assert.equal(facts.proof, proof);
});

import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { problemLines, problemsOf, UPSTREAM, warningsOf } from "../sources.ts";

const TWO = ["--workers", "2"];

Deno.test(
  "R1: what leads to one process alone is refused with several workers, each with its cure",
  STRICT,
  async () => {
    const refused: readonly (readonly [argv: readonly string[], problem: string])[] = [
      [["--session-only"], "--session-only: with --workers the identities it lends are in one worker's memory"],
      [["--adopt"], "--adopt: with --workers two workers could let two callers adopt the same id"],
      [
        ["--legacy-sse", "/sse"],
        "--legacy-sse: with --workers a client's messages have to reach the worker that has its stream",
      ],
      [
        ["--advertise", "http://10.0.0.1:8080", "--peer", "10.0.0.0/8"],
        "--advertise: with --workers one address leads to all of the workers",
      ],
      [
        ["--credential", "refresh-token", "--credential-refresh-token-file", "refresh.token"],
        "--credential-refresh-token-file: with --workers a refresh token that one worker has used is worthless to the others",
      ],
      [["--audit", "stdout"], "--audit: each worker's lines are a chain of their own, which one stream would mix"],
      [["--store", "redis://127.0.0.1"], "--store: other machines cannot reach the servers behind these workers"],
    ];
    for (const [argv, problem] of refused) {
      assert.deepEqual((await problemLines({ argv: [...TWO, ...argv] })).filter((line) => line === problem), [problem]);
      assert.deepEqual((await problemLines({ argv })).filter((line) => line === problem), [], "with one worker");
      assert.ok((await problemLines({ argv: ["--workers", "auto", ...argv] })).includes(problem));
    }
  },
);

Deno.test(
  "R1: workers take a file for audit, a state file, and a store for a server that all machines reach",
  STRICT,
  async () => {
    for (
      const argv of [
        ["--audit", "audit.jsonl", ...UPSTREAM],
        ["--state", "state.db", ...UPSTREAM],
        ["--store", "redis://127.0.0.1", "--upstream", "http://10.0.0.9:3000/mcp"],
      ]
    ) {
      assert.deepEqual(await problemsOf({ argv: [...TWO, ...argv] }), []);
    }
    assert.equal(typeof await warningsOf({ argv: TWO }), "string");
  },
);

Deno.test("M1: a bound of all of Signet that leaves a worker without a part of it is refused", STRICT, async () => {
  const few = ["--max-connections", "3", "--max-streams", "4"];
  const problem = "--max-connections: with 4 workers 3 cannot be divided among all of them";
  assert.deepEqual(await problemLines({ argv: ["--workers", "4", ...few] }), [problem]);
  assert.deepEqual(await problemLines({ argv: ["--workers", "3", ...few] }), []);
  assert.deepEqual(await problemLines({ argv: ["--workers", "auto", ...few] }), []);
});

Deno.test("P3: a number of workers is one from 1 to 64, or auto", STRICT, async () => {
  for (const value of ["0", "65", "many"]) {
    assert.match((await problemLines({ argv: ["--workers", value] })).join(), /--workers/);
  }
});

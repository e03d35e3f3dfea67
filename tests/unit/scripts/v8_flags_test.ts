import assert from "node:assert/strict";
import deno from "../../../deno.json" with { type: "json" };
import { V8_FLAGS } from "../../../scripts/v8_flags.ts";

Deno.test("V8_FLAGS stand in the start task as they do in the compiled program and the bench", () => {
  const [said, run] = deno.tasks.start.command.split(" && ");
  assert.equal(run, `deno run -A --lock=deno.lock --frozen ${V8_FLAGS} main.ts`);
  assert.match(said ?? "", /^echo '.*downloads.*' >&2$/, "a cold start says what is going on, and not on stdout");
});

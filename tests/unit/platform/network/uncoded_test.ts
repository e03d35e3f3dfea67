import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { findBun } from "../../../../scripts/bun.ts";
import { needingBun } from "../../../support/on_bun.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const MAIN = "tests/fixtures/uncoded_main.ts";
const CODINGS = ["gzip", "br", "zstd", "identity"];
const bun = await findBun();

Deno.test({
  name: "Bun undoes no content coding that was not asked for, and writes nothing past the log",
  ...needingBun("answers without a content coding"),
  async fn() {
    const args = ["--no-install", MAIN, ...CODINGS];
    const { code, stdout, stderr } = await runBounded(bun!, {
      what: "answers on Bun",
      deadlineMs: 30_000,
      args,
      cwd: ROOT,
    });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, "gzip: coded\nbr: coded\nzstd: coded\nidentity: identity\n");
  },
});

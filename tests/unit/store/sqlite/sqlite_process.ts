// A second process on a state file, for sqlite_test.ts: waits for a line on stdin, inserts, prints how many it could.
// Arguments: FILE PREFIX COUNT LIMIT NOW_MS. Ends without closing the store, as a killed process would.
import { openSqliteStore } from "../../../../lib/store/sqlite/sqlite.ts";
import { tokenRecord } from "../store_contract.ts";

const [path = "", prefix = "", count = "0", limit = "0", nowMs = "0"] = Deno.args;
const store = openSqliteStore(path, { busyTimeoutMs: 20_000 });
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
await Deno.stdin.read(new Uint8Array(16));
let inserted = 0;
for (let i = 0; i < Number(count); i++) {
  const outcome = await store.tokens.insertBelowLimit(tokenRecord(`${prefix}${i}`), {
    limit: Number(limit),
    nowMs: Number(nowMs),
  });
  if (outcome.inserted) inserted++;
  // Everybody extends the same one: what is read and what is written must be one step.
  await store.revocations.add({ kind: "all", beforeMs: i, untilMs: Number(nowMs) + 1_000 });
}
await store.revocations.add({ kind: "session", sid: prefix, untilMs: Number(nowMs) + 1_000, by: "operator" });
await Deno.stdout.write(new TextEncoder().encode(`${inserted}\n`));
Deno.exit(0);

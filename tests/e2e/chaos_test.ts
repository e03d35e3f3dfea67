// Replicas, their servers and their store are killed while unmodified SDK clients work on behind nginx round robin, and
// thieves try. `deno task chaos --minutes N` does more of it for longer.
import assert from "node:assert/strict";
import { calm, chaos, findings } from "../support/chaos/chaos.ts";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { needing } from "../support/programs.ts";

const HERE = await needing(["redis-server", "nginx"], "that replicas survive chaos");

Deno.test(
  "R1 R3 R6 R8 O1: killing a replica, a server and the store fails no call but those under way, and nothing runs twice",
  { ...CLIENT_SANITIZERS, ...HERE },
  async () => {
    const tally = await chaos({ replicas: 3, sessions: 12, deeds: ["kill_replica", "kill_server", "kill_store"] });
    assert.deepEqual(findings(tally), [], JSON.stringify(tally.deeds));
    assert.ok(tally.calls > 100, `${tally.calls} calls`);
  },
);

Deno.test(
  "R1 R7: sessions meet their own state at any replica, and no call fails",
  { ...CLIENT_SANITIZERS, ...HERE },
  async () => {
    const tally = await calm({ replicas: 3, sessions: 12, rounds: 5 });
    assert.deepEqual(findings(tally), []);
    assert.equal(tally.calls, 12 * 5 * 3);
  },
);

// Replicas, their servers and their store are killed, and parted from each other, while unmodified SDK clients work on
// behind nginx round robin, and thieves try. `deno task chaos --minutes N` does more of it for longer.
import assert from "node:assert/strict";
import { calm, chaos, findings } from "../support/chaos/chaos.ts";
import { needingNetworks } from "../support/chaos/network.ts";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { needing } from "../support/programs.ts";

const HERE = await needing(["redis-server", "nginx"], "that replicas survive chaos");
const APART = await needingNetworks("that replicas which cannot hear each other go on");

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
  "R1 R3 R6 R8: where a network loses what replicas say to each other, or one of them to the store, only what was sent before that was noticed fails",
  { ...CLIENT_SANITIZERS, ignore: HERE.ignore || APART.ignore },
  async () => {
    const tally = await chaos({ replicas: 3, sessions: 12, apart: true, deeds: ["part_replica", "part_store"] });
    assert.deepEqual(findings(tally), [], JSON.stringify(tally.deeds));
    assert.ok(tally.calls > 100 && tally.thefts > 10, `${tally.calls} calls, ${tally.thefts} thefts`);
  },
);

/** Two hundred sessions of fifty calls over five replicas where whoever runs this has time for crowds. */
const CROWD = Deno.env.get("SIGNET_TEST_CROWD") === undefined
  ? { replicas: 3, sessions: 12, rounds: 5 }
  : { replicas: 5, sessions: 200, rounds: 17 };

Deno.test(
  "R1 R7 O1: sessions meet their own state at any replica, no call fails, and no thief gets in",
  { ...CLIENT_SANITIZERS, ...HERE },
  async () => {
    const tally = await calm(CROWD);
    assert.deepEqual(findings(tally), []);
    assert.equal(tally.calls, CROWD.sessions * CROWD.rounds * 3);
    assert.ok(tally.thefts > 0);
  },
);

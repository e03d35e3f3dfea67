import assert from "node:assert/strict";
import type { Peer } from "../../../../../lib/bridge/peer/peer.ts";
import { AskingPeer } from "../../../../../lib/upstream/several/heard/asking_peer.ts";
import type { MemberLife } from "../../../../../lib/upstream/several/members/member_life.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test(
  "A6: a member's questions are told apart to the last digit, and each is done with by its own answer",
  STRICT,
  () => {
    const inner = { send: () => true } as unknown as Peer;
    const life = { member: { carry: () => [] } } as unknown as MemberLife;
    const asking = new AskingPeer(inner, life, () => true);
    const ids = [9007199254740992n, 9007199254740993n];
    assert.deepEqual(ids.map((id) => asking.take(id, 9)), [true, true]);
    const done: bigint[] = [];
    for (const id of ids) asking.onceDone(id, () => void done.push(id));
    asking.send(new TextEncoder().encode('{"jsonrpc":"2.0","id":9007199254740993,"result":{}}'), { fields: [] });
    assert.deepEqual(done, [ids[1]]);
    asking.withdraw(ids[0]);
    assert.deepEqual(done, [ids[1], ids[0]]);
  },
);

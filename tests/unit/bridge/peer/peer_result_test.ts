// What a peer asks is answered under its own id, whatever kind of id it is.
import assert from "node:assert/strict";
import { peerResult, pong } from "../../../../lib/bridge/peer/peer_result.ts";
import { STRICT } from "../../../support/strict.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("B6: a server's question is answered under its own id", STRICT, () => {
  assert.equal(text(pong("a")), '{"jsonrpc":"2.0","id":"a","result":{}}');
  assert.equal(text(peerResult(7, '{"action":"accept"}')), '{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}');
});

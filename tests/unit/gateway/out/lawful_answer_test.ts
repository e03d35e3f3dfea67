// lib/gateway/out/lawful_answer.ts: what a stream under rules takes as long as it lasts, and lets go of with its end.
import assert from "node:assert/strict";
import type { Inbound } from "../../../../lib/gateway/inbound.ts";
import { lawfulAnswer } from "../../../../lib/gateway/out/lawful_answer.ts";
import type { GatewayParts } from "../../../../lib/gateway/parts.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { get, poolBefore } from "../../http1/client/pool_support.ts";

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-own: yes\r\ntransfer-encoding: chunked\r\n\r\n";

Deno.test("G4: a stream under rules keeps no head of its answer once that is told", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const parts = { law: { policy: {} }, account: new ByteAccount(), now: () => 0 } as unknown as GatewayParts;
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(HEAD);
  const answer = await call.response;
  const { response, whole } = lawfulAnswer(parts, {} as Inbound, answer);
  assert.equal(whole, undefined);
  assert.ok(response.head.fields.includes("x-own"));
  response.forgetHead!();
  assert.deepEqual([answer.head.fields, response.head.fields], [[], []]);
  response.release();
  assert.equal(test.pool.stats.open, 0);
});

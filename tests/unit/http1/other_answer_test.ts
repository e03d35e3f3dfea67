// lib/http1/other_answer.ts, through all who put an answer in another's place: the head of a stream is kept by none of them
// once it is told, however many stand before it; its release ends the exchange.
import assert from "node:assert/strict";
import type { Inbound } from "../../../lib/gateway/inbound.ts";
import { lawfulAnswer } from "../../../lib/gateway/out/lawful_answer.ts";
import type { Carriage } from "../../../lib/gateway/out/stateless/carriage.ts";
import { overheard, type Probing } from "../../../lib/gateway/out/stateless/probe.ts";
import { sealAnswer } from "../../../lib/gateway/out/stateless/sealed_answer.ts";
import type { GatewayParts } from "../../../lib/gateway/parts.ts";
import { ByteAccount } from "../../../lib/http1/byte_account.ts";
import type { ClientResponse } from "../../../lib/http1/types.ts";
import { decoded } from "../../../lib/upstream/http/decoded.ts";
import { resumed } from "../../../lib/upstream/http/resumed_body.ts";
import { RawUpstream } from "../../support/raw_peer.ts";
import { STRICT } from "../../support/strict.ts";
import { get, poolBefore } from "./client/pool_support.ts";

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-own: yes\r\ntransfer-encoding: chunked\r\n";

const parts = { law: { policy: {} }, account: new ByteAccount(), now: () => 0 } as unknown as GatewayParts;
const carriage = { carries: {} } as Carriage;
const probing = { message: { kind: "request", method: "server/discover" } } as Probing;

const WRAPPINGS: Readonly<Record<string, (answer: ClientResponse) => ClientResponse>> = {
  "one under rules": (answer) => lawfulAnswer(parts, {} as Inbound, answer).response,
  "one whose carried values are sealed": (answer) => sealAnswer(parts, carriage, answer),
  "one without its coding": decoded,
  "one that a probe is told": (answer) => overheard(parts, probing, answer),
  "one that was read ahead": (answer) => resumed(answer, { prefix: new Uint8Array(1) }),
  "a probe's, sealed, under rules": (answer) =>
    lawfulAnswer(parts, {} as Inbound, sealAnswer(parts, carriage, overheard(parts, probing, answer))).response,
};

for (const [name, wrap] of Object.entries(WRAPPINGS)) {
  for (const coding of ["", "content-encoding: gzip\r\n"]) {
    if (coding === "" && wrap === decoded) continue;
    const what = coding === "" ? name : `${name}, compressed`;
    Deno.test(`an answer in another's place keeps no head of a stream once that is told: ${what}`, STRICT, async () => {
      await using test = poolBefore(new RawUpstream());
      const call = test.pool.send(get());
      const peer = await test.upstream.next();
      await peer.takeMessage();
      await peer.send(`${HEAD}${coding}\r\n`);
      const answer = await call.response;
      const other = wrap(answer);
      assert.notEqual(other, answer);
      assert.ok(other.head.fields.includes("x-own"));
      other.forgetHead!();
      assert.deepEqual([answer.head.fields, other.head.fields], [[], []]);
      other.release();
      assert.equal(test.pool.stats.open, 0);
    });
  }
}

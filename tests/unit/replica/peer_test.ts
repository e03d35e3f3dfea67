import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { ephemeralKeyRing } from "../../../lib/envelope/key_ring.ts";
import { Peer } from "../../../lib/replica/peer.ts";
import { HOP_FIELD, proveAnswer, readQuestion } from "../../../lib/replica/hop_proof.ts";
import { FakeTimers } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const ring = ephemeralKeyRing(random);

Deno.test(
  "R2: nothing is passed on to whoever has taken the address of a peer since it was last heard",
  STRICT,
  async () => {
    let asked = 0;
    let listener: RequestListener = () => {};
    const server = createServer((request, response) => listener(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    listener = (request, response) => {
      asked++;
      const question = readQuestion(ring, String(request.headers[HOP_FIELD]), address);
      assert.ok(question !== undefined);
      const answer = proveAnswer(question.key, {
        to: address,
        challenge: question.challenge,
        instance: "i".repeat(22),
      });
      response.writeHead(204, { [HOP_FIELD]: answer }).end();
    };
    const timers = new FakeTimers();
    const peer = new Peer({
      ...{ address, path: "/mcp", sender: "s".repeat(22), firstCount: 0, ring: () => ring, random, timers },
    });
    assert.equal(await peer.isThere(), true);
    assert.equal(peer.isReady, true);
    await timers.advance(5000);
    assert.equal(await peer.isThere(), true);
    assert.equal(asked, 1, "it was heard a moment ago");
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), true);
    assert.equal(asked, 2);
    listener = (_, response) => void response.writeHead(200).end("not one of us");
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), false);
    peer.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
);

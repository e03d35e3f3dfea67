// What fails where an answer of a server of either era is looked at: a server's failure is its client's to see, a fault of
// the program itself is told of besides (P2).
import assert from "node:assert/strict";
import type { ClientResponse } from "../../../lib/http1/types.ts";
import { BothErasUpstream } from "../../../lib/upstream/both_eras.ts";
import type { Upstream, UpstreamRequest } from "../../../lib/upstream/upstream.ts";
import { INITIALIZE } from "../../support/signet.ts";
import { STRICT } from "../../support/strict.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

/** A server whose answer's head comes, and then this. */
function breaking(error: unknown, status: number): BothErasUpstream {
  const head = { status, fields: ["content-type", "application/json"] };
  const body = { length: -1, done: false, read: () => Promise.reject(error) };
  const response = { head, body, release() {} } as unknown as ClientResponse;
  const send = () => ({ response: Promise.resolve(response), abort() {} });
  const inner = { idLength: 1, name: "s", url: "http://s/", send } as unknown as Upstream;
  return new BothErasUpstream({ inner, era: "auto", openBridge: () => Promise.reject(new Error("none")) });
}

function initialize(): UpstreamRequest {
  const body = new TextEncoder().encode(JSON.stringify(INITIALIZE));
  return { method: "POST", query: "", fields: [], body, caller: { owner: "o" } } as unknown as UpstreamRequest;
}

Deno.test("P2: a fault of the program's own is told where an initialize's answer breaks off", STRICT, async () => {
  const own = new TypeError("no such function");
  const told = await unhandledDuring(async () => {
    const answer = await breaking(own, 200).send(initialize()).response;
    assert.equal("head" in answer && answer.head.status, 200, "whoever reads on is told");
  });
  assert.deepEqual(told, [own]);
});

Deno.test("P2: a server's answer that breaks off is no fault of the program's", STRICT, async () => {
  const told = await unhandledDuring(async () => {
    await breaking(new Error("cut"), 200).send(initialize()).response;
    await assert.rejects(breaking(new Error("cut"), 400).send(initialize()).response, /cut/);
  });
  assert.deepEqual(told, []);
});

Deno.test(
  "P2: a fault of the program's own is told where it is looked at what a client asks, and not the client's",
  STRICT,
  async () => {
    const own = new TypeError("no such function");
    const parsed = new Proxy({}, {
      get: () => {
        throw own;
      },
    });
    const body = new TextEncoder().encode("no JSON");
    for (const [asked, wanted] of [[{ parsed }, [own]], [{ body }, []]] as const) {
      const told = await unhandledDuring(async () => {
        const answer = await breaking(new Error("cut"), 200).send({ ...initialize(), ...asked } as UpstreamRequest)
          .response;
        assert.equal("head" in answer && answer.head.status, 200, "it is passed on as any other");
      });
      assert.deepEqual(told, wanted);
    }
  },
);

// Attacks through the query: what the upstream's URL says is the operator's word, and a caller adds none against it (I4, M4).
import assert from "node:assert/strict";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

/** Spellings of `read_only` that one kind of server or another takes for it, each as all of a query. */
const SPELLINGS = [
  "read_only=false",
  "read_only",
  "READ_Only=false",
  "read%5Fonly=false",
  "%72ead_only=false",
  "read_only[]=false",
  "read_only%5B0%5D=false",
  "read.only=false",
  "read+only=false",
  "+read_only=false",
  "read_only%00x=false",
  "x;read_only=false",
  "%zz&read_only=false",
];

for (const lane of LANES) {
  Deno.test(`I4 M4: no caller says otherwise what the upstream's URL says (${lane} lane)`, STRICT, async () => {
    const targets: string[] = [];
    await using upstream = new RawUpstream(async (request) => {
      targets.push(request.head.split(" ")[1]!);
      await write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
    });
    await using signet = await TestSignet.start({ upstream: `${upstream.url}?project=a&read_only=true`, lane });
    using client = await RawClient.connect(signet.url);
    const post = async (query: string, message: unknown, fields: string[] = []) => {
      await client.send(rawPost(JSON.stringify(message), fields).replace("/mcp ", `/mcp${query} `));
      const answer = await client.answer();
      assert.equal(answer.status, 200);
      return answer;
    };
    const { head } = await post("?read_only=false&mine=1", INITIALIZE);
    const field = `mcp-session-id: ${/mcp-session-id: (\S+)/i.exec(head)![1]!}`;
    for (const spelling of SPELLINGS) await post(`?mine=1&${spelling}`, call(1, "x"), [field]);
    assert.equal(targets.length, 1 + SPELLINGS.length);
    for (const target of targets) {
      assert.match(
        target,
        /^\/mcp\?project=a&read_only=true&mine=1(&x|&%zz)?$/,
        "of the caller's only what is his own",
      );
    }
  });

  Deno.test(`a caller's query passes whole to an upstream whose URL has none (${lane} lane)`, STRICT, async () => {
    const targets: string[] = [];
    await using upstream = new RawUpstream(async (request) => {
      targets.push(request.head.split(" ")[1]!);
      await write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
    });
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    using client = await RawClient.connect(signet.url);
    await client.send(rawPost(JSON.stringify(INITIALIZE)).replace("/mcp ", "/mcp?a=1&a=2;b&%zz&= "));
    assert.equal((await client.answer()).status, 200);
    assert.deepEqual(targets, ["/mcp?a=1&a=2;b&%zz&="]);
  });
}

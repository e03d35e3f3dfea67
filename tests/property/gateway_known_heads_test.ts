// O1, PROTOCOL 2: a connection that has brought a head before is answered, and its request sent on, as one that never has:
// whatever is done to the field that names the session, the caller's own or another's.
import fc from "fast-check";
import assert from "node:assert/strict";
import { lineMutation, type Mutation } from "../support/head_mutations.ts";
import { type RawAnswer, RawClient } from "../support/raw_client.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { within } from "../support/until.ts";

const BODY = JSON.stringify(call(1, "echo"));

/** The session's field in front of, between and behind the others. */
const head = fc.tuple(
  fc.constantFrom("Mcp-Session-Id: <id>", "mcp-session-id:<id>", "MCP-SESSION-ID: <id> "),
  fc.shuffledSubarray([
    ...[
      "content-type: application/json",
      "accept: application/json, text/event-stream",
      `Content-Length: ${BODY.length}`,
    ],
    ...["Authorization: Bearer <token>", "mcp-protocol-version: 2025-11-25", "x-tenant: a"],
  ], { minLength: 6 }),
  fc.nat(6),
).map(([session, others, at]) =>
  `POST /mcp HTTP/1.1\r\n${["host: localhost", ...others.toSpliced(at, 0, session)].join("\r\n")}\r\n\r\n`
);

/** Without what is another each time: a refusal's own number. */
function said({ status, head, body }: RawAnswer): unknown {
  const anonymous = (text: string) => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|"errorId":"[^"]*"/g, "…");
  return { status, head: anonymous(head).replace(/content-length: \d+/, ""), body: anonymous(body) };
}

for (const lane of LANES) {
  Deno.test(`O1 PROTOCOL 2: a head known by heart means what it says (${lane} lane)`, STRICT, async () => {
    let sessions = 0;
    const heads: string[] = [];
    await using upstream = new RawUpstream(async (request) => {
      const hello = handshake(request)?.replace("raw-session", `raw-${++sessions}`);
      if (hello === undefined) heads.push(request.head);
      const id = /mcp-session-id: (\S*)/.exec(request.head)?.[1];
      await write(request.conn, hello ?? json({ jsonrpc: "2.0", id: 1, result: {} }, `mcp-session-id: ${id}\r\n`));
    });
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const token = await issuer.token("alice");
    const [one, two] = [await signet.open({ token }), await signet.open({ token })];
    const foreign = await signet.open({ token: await issuer.token("bob") });
    heads.length = 0;
    const ask = async (client: RawClient, text: string) => {
      await client.send(text + BODY);
      const answer = await within("an answer", client.answer());
      return { answer: said(answer), sent: heads.splice(0) };
    };
    const change = fc.oneof(
      { weight: 2, arbitrary: lineMutation("mcp-session-id") },
      {
        weight: 2,
        arbitrary: fc.constantFrom<Mutation>(
          (text) => text,
          (text) => text.replace(one, two),
          (text) => text.replace(one, foreign),
        ),
      },
    );
    let passed = 0;
    const property = fc.asyncProperty(head, fc.array(change, { minLength: 1, maxLength: 2 }), async (form, changes) => {
      const text = form.replace("<id>", one).replace("<token>", token);
      using knowing = await RawClient.connect(signet.url);
      for (const known of [text, text.replace(one, two)]) {
        const { answer, sent } = await ask(knowing, known);
        assert.equal((answer as RawAnswer).status, 200);
        assert.equal(sent.length, 1);
      }
      const changed = changes.reduce((head, mutate) => mutate(head), text);
      using fresh = await RawClient.connect(signet.url);
      const wanted = await ask(fresh, changed);
      assert.deepEqual(await ask(knowing, changed), wanted, JSON.stringify(changed));
      if (wanted.sent.length > 0) passed++;
    });
    await fc.assert(property, { numRuns: 200 });
    assert.ok(passed > 10, `only ${passed} were passed on`);
  });
}

// Where an id stands is told behind every exchange of bytes, as if it were looked for anew (docs/behaviour.md B6).
import fc from "fast-check";
import assert from "node:assert/strict";
import { withoutAnswers } from "../../../../lib/bridge/stateless/rounds/url_questions.ts";
import { withToken } from "../../../../lib/bridge/stateless/texts.ts";
import { requestForLegacy } from "../../../../lib/mcp/eras/between_eras.ts";
import { findMember } from "../../../../lib/mcp/json/json_text.ts";
import { exchanged, idSpan, type PlacedText } from "../../../../lib/mcp/json/placed_text.ts";
import type { RpcRequest } from "../../../../lib/mcp/messages/json_rpc.ts";
import { parseMessage } from "../../../../lib/mcp/messages/read_message.ts";
import { STRICT } from "../../../support/strict.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = ({ text }: PlacedText) => new TextDecoder().decode(text);

function assertPlaced(placed: PlacedText): void {
  assert.deepEqual(placed.id, idSpan(placed.text));
}

const id = fc.oneof(fc.integer(), fc.string(), fc.constant("9007199254740993")).map((value) => JSON.stringify(value));
const blank = fc.constantFrom("", " ", "\n\t ");
const meta = fc.constantFrom(
  '"progressToken":"mine","io.modelcontextprotocol/protocolVersion":"2026-07-28","x":{"id":7}',
  '"id":"no","progressToken":12345678901234567890',
);
const params = fc.tuple(meta, blank, fc.boolean()).map(([meta, blank, first]) => {
  const answers = '"requestState":"s","inputResponses":{"id":{}}';
  const members = [`"name":"t","arguments":{"id":"other"}`, `${blank}"_meta"${blank}:{${meta}}`, answers];
  return `{${(first ? members : members.toReversed()).join(",")}}`;
});
/** A request whose members stand in any order, names and blanks as a client may write them. */
const request = fc.tuple(
  id,
  params,
  blank,
  fc.constantFrom('"id"', '"\\u0069d"'),
  fc.array(fc.nat(100), { minLength: 4, maxLength: 4 }),
)
  .map(([id, params, blank, name, order]) => {
    const members = [
      '"jsonrpc":"2.0"',
      `${name}${blank}:${blank}${id}${blank}`,
      '"method":"tools/call"',
      `"params":${params}`,
    ];
    const sorted = members.map((member, at) => ({ member, by: order[at]! })).sort((a, b) => a.by - b.by);
    return `${blank}{${blank}${sorted.map(({ member }) => member).join(`,${blank}`)}}${blank}`;
  });

Deno.test("B6: a request's id is where it is told to stand, whatever was exchanged around it", STRICT, () => {
  let behind = 0;
  fc.assert(
    fc.property(request, fc.nat(1e9), (written, token) => {
      const whole = { text: bytes(written), id: idSpan(bytes(written)) };
      const legacy = requestForLegacy(whole, parseMessage(whole.text, { maxDepth: 16 }) as RpcRequest);
      const bare = withoutAnswers(legacy);
      const asked = withToken(bare, token);
      for (const placed of [legacy, bare, asked]) assertPlaced(placed);
      const { params, ...rest } = JSON.parse(text(asked)), { params: wanted, ...same } = JSON.parse(written);
      assert.deepEqual(rest, same);
      assert.equal(params._meta.progressToken, token);
      assert.deepEqual(params.arguments, wanted.arguments);
      assert.equal("requestState" in params || "inputResponses" in params, false);
      if (whole.id.start > findMember(whole.text, "params")!.start) behind++;
    }),
    { numRuns: 500, seed: 3 },
  );
  assert.ok(behind > 100, "of many the id stands behind what is exchanged");
});

Deno.test("B6: bytes before an id move it, bytes behind it do not", STRICT, () => {
  const message = '{"a":1,"id":"x","b":2}';
  const placed = { text: bytes(message), id: idSpan(bytes(message)) };
  for (const name of ["a", "b"]) {
    for (const value of ["", "12345", "7"]) {
      const changed = exchanged(placed, findMember(placed.text, name)!, bytes(value));
      assert.equal(text(changed), message.replace(name === "a" ? ":1" : ":2", `:${value}`));
      assert.equal(text({ ...changed, text: changed.text.subarray(changed.id.start, changed.id.end) }), '"x"');
    }
  }
});

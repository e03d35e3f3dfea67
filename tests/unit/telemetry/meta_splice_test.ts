import fc from "fast-check";
import assert from "node:assert/strict";
import { readMeta, withContext } from "../../../lib/telemetry/meta_splice.ts";
import { STRICT } from "../../support/strict.ts";

const NEW = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: Uint8Array) => new TextDecoder().decode(message);
const spliced = (message: string, insert = false) => text(withContext(bytes(message), NEW, insert));

Deno.test("a context is exchanged where it stands, and not a byte besides", STRICT, () => {
  const message =
    '{ "params" :\n{"name":"traceparent", "arguments":{"_meta":{"traceparent":"x"}}, "_meta": {"a":1.50,"traceparent" : "old" } },"id":1,"method":"x"}';
  const found = spliced(message);
  assert.equal(found, message.replace('"old"', `"${NEW}"`));
  assert.equal(readMeta(bytes(found), "traceparent"), NEW);
});

Deno.test("where there is none nothing is changed, unless it is to be put in", STRICT, () => {
  for (
    const message of [
      '{"id":1,"method":"ping"}',
      '{"method":"x","params":null}',
      '{"method":"x","params":{}}',
      '{"method":"x","params":{"_meta":{}}}',
      '{"method":"x","params":{"_meta":null}}',
    ]
  ) {
    assert.equal(spliced(message), message);
    assert.equal(readMeta(bytes(spliced(message, true)), "traceparent"), NEW, message);
  }
});

Deno.test("what stands where members should is left as it stands, and nothing put over it", STRICT, () => {
  for (const value of ['"x"', "[1,2]", "7", "true"]) {
    for (const message of [`{"method":"x","params":${value}}`, `{"method":"x","params":{"a":1,"_meta":${value}}}`]) {
      assert.equal(spliced(message, true), message);
      assert.equal(spliced(message), message);
    }
  }
});

Deno.test("nothing is put into what is no request: an answer, a batch", STRICT, () => {
  const messages = ['{"jsonrpc":"2.0","id":1,"result":{}}', '{"id":1,"error":{"code":1,"message":"params"}}'];
  const batches = [' [{"id":1,"method":"ping"},{"method":"x","params":{}}]', '[{"id":1,"result":{"method":"x"}}]'];
  for (const message of [...messages, ...batches]) {
    assert.equal(spliced(message, true), message);
    assert.equal(readMeta(bytes(message), "traceparent"), undefined);
  }
});

Deno.test("a context that is put in leaves all else as it was, whatever the message", STRICT, () => {
  const member = fc.record({
    name: fc.string(),
    arguments: fc.jsonValue(),
    _meta: fc.dictionary(fc.string(), fc.jsonValue()),
  }, { requiredKeys: [] });
  const message = fc.record({ jsonrpc: fc.constant("2.0"), id: fc.integer(), method: fc.string(), params: member }, {
    requiredKeys: ["method"],
  });
  fc.assert(
    fc.property(message, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
      const before = JSON.stringify(value, undefined, space);
      const after = JSON.parse(spliced(before, true));
      const { traceparent, ...meta } = after.params._meta;
      assert.equal(traceparent, NEW);
      const wanted = JSON.parse(before);
      delete wanted.params?._meta?.traceparent;
      const { _meta: _, ...params } = after.params;
      const { _meta: wantedMeta = {}, ...wantedParams } = wanted.params ?? {};
      assert.deepEqual([{ ...after, params: 0 }, params, meta], [{ ...wanted, params: 0 }, wantedParams, wantedMeta]);
    }),
    { numRuns: 300, seed: 7 },
  );
});

Deno.test("a context is put beside no member that readers could take for it, in whatever case", STRICT, () => {
  for (const name of ["TraceParent", "TRACEPARENT", "tr\\u0041ceparent"]) {
    const message = `{"method":"x","params":{"_meta":{"${name}":1}}}`;
    assert.equal(spliced(message, true), message);
  }
  for (const message of ['{"method":"x","params":{"_Meta":{}}}', '{"method":"x","Params":{}}']) {
    assert.equal(spliced(message, true), message);
  }
});

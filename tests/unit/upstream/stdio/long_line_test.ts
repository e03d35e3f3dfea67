import assert from "node:assert/strict";
import { subjectOf } from "../../../../lib/upstream/stdio/long_line.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

Deno.test("B8: of a line too long to be read it is told whose answer it was, where that is in sight", STRICT, () => {
  const filler = "x".repeat(6000);
  const cases: [string, ReturnType<typeof subjectOf>][] = [
    [`{"jsonrpc":"2.0","id":12,"result":{"t":"${filler}"}}`, { id: 12 }],
    [`{"id":"12","result":{"t":"${filler}"},"jsonrpc":"2.0"}`, { id: 12 }],
    [`{"result":{"t":"${filler}"},"jsonrpc":"2.0","id":12}`, { id: 12 }],
    [`{"jsonrpc":"2.0","result":{"t":"${filler}"},"id" : "12" , "jsonrpc":"2.0" } `, { id: 12 }],
    [`{"jsonrpc":"2.0","id":null,"error":{"message":"${filler}"}}`, { id: undefined }],
    [`{"jsonrpc":"2.0","result":{"t":"${filler}","id":12}}`, { id: undefined }],
    [`{"jsonrpc":"2.0","result":"${filler},\\"id\\":12}"}`, { id: undefined }],
    [`{"jsonrpc":"2.0","method":"notifications/x","params":{"t":"${filler}"},"id":12}`, "no answer"],
    [`[{"jsonrpc":"2.0","id":12,"result":{"t":"${filler}"}}]`, { id: undefined }],
    [`\ufeff{"jsonrpc":"2.0","id":12,"result":{"t":"${filler}"}}`, { id: 12 }],
    [filler, "no answer"],
    [`2026-11-26 debug {"id":12} ${filler}`, "no answer"],
    [`${" ".repeat(6000)}{"jsonrpc":"2.0","id":12,"result":{}}`, { id: undefined }],
    [" ".repeat(6000), { id: undefined }],
  ];
  for (const [text, subject] of cases) {
    const bytes = encoder.encode(text);
    const line = { head: bytes.slice(0, 4096), tail: bytes.slice(-256), bytes: bytes.length };
    assert.deepEqual(subjectOf(line), subject, `${text.slice(0, 60)} … ${text.slice(-30)}`);
  }
});

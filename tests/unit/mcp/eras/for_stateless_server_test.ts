import assert from "node:assert/strict";
import { answerForLegacy, questionForLegacy } from "../../../../lib/mcp/eras/for_stateless_server.ts";
import { STRICT } from "../../../support/strict.ts";
import { EXACT } from "./exact_text.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

Deno.test(
  "S3: what a stateless server asks crosses to the digit, in the words of the client's revision",
  STRICT,
  () => {
    const params = `{"message":"?","requestedSchema":{${EXACT}},"mode":"form"}`;
    const asked = (method: string, written: string, revision: string) =>
      decoder.decode(
        questionForLegacy(
          { method, params: JSON.parse(written), written: encoder.encode(written) },
          { id: "1.0.0", revision, newId: () => "new" },
        ),
      );
    const head = (method: string) => `{"jsonrpc":"2.0","id":"1.0.0","method":"${method}","params":`;
    const [elicit, sample] = ["elicitation/create", "sampling/createMessage"] as const;
    assert.equal(asked(elicit, params, "2025-11-25"), `${head(elicit)}${params}}`);
    const before = `{"message":"?","requestedSchema":{${EXACT}}}`;
    assert.equal(asked(elicit, params, "2025-06-18"), `${head(elicit)}${before}}`);
    const url = `{"mode":"url",${EXACT},"elicitationId":"theirs"}`;
    assert.equal(asked(elicit, url, "2025-11-25"), `${head(elicit)}{"mode":"url",${EXACT},"elicitationId":"new"}}`);
    assert.equal(asked(sample, `{"mode":1,${EXACT}}`, "2025-06-18"), `${head(sample)}{"mode":1,${EXACT}}}`);
  },
);

Deno.test("S3: what a stateless server answers crosses to the digit", STRICT, () => {
  const line = (result: string) => encoder.encode(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const given = (result: string, method: string) => decoder.decode(answerForLegacy(line(result), method));
  assert.equal(
    given(`{"resultType":"complete","structuredContent":9007199254740993,"_meta":{${EXACT}}}`, "tools/call"),
    `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"result":9007199254740993},"_meta":{${
      EXACT.replace(", ", ",")
    }}}}`,
  );
  const tools = `[{"name":"t",${EXACT},"outputSchema":{"type":"integer","maximum":9007199254740993}}]`;
  const listed = given(`{"tools":${tools},"ttlMs":1}`, "tools/list");
  assert.ok(listed.includes(`{"name":"t",${EXACT},"outputSchema":{"type":"object","properties":`), listed);
  assert.ok(listed.includes('"result":{"type":"integer","maximum":9007199254740993}'), listed);
  for (const odd of ['{"tools":7}', "7", '{"tools":[7,{"outputSchema":7}]}']) {
    assert.ok(given(odd, "tools/list").includes(odd));
  }
});

Deno.test(
  "S3: what MCP says of its own methods' results alone is left out, and a vendor's members are the vendor's",
  STRICT,
  () => {
    const members = '"ttlMs":1,"cacheScope":"public","inputRequests":{},"requestState":"s"';
    const line = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",${members},"x":1}}`);
    const given = (method: string) => decoder.decode(answerForLegacy(line, method));
    const answer = (result: string) => `{"jsonrpc":"2.0","id":1,"result":{${result}}}`;
    assert.equal(given("resources/read"), answer('"x":1'));
    for (const method of ["acme/session", "tasks/get"]) assert.equal(given(method), answer(`${members},"x":1`));
  },
);

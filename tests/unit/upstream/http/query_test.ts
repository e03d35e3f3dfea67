// lib/upstream/http/query.ts: what of a client's query stands behind that of the configured URL (M4).
import assert from "node:assert/strict";
import { withQuery } from "../../../../lib/upstream/http/query.ts";
import { STRICT } from "../../../support/strict.ts";

const CASES: [string, string, string, string][] = [
  ["none of either", "/mcp", "", "/mcp"],
  ["the client's alone, as it came", "/mcp", "?a=1&a=2;b&%zz&=", "/mcp?a=1&a=2;b&%zz&="],
  ["the configured alone", "/mcp?k=1", "", "/mcp?k=1"],
  ["both", "/mcp?k=1", "?a=1&b", "/mcp?k=1&a=1&b"],
  ["a name that is configured", "/mcp?k=1", "?k=2", "/mcp?k=1"],
  ["a name without a value", "/mcp?k", "?k=2&a", "/mcp?k&a"],
  ["in another case", "/mcp?Key=1", "?kEY=2", "/mcp?Key=1"],
  ["with escapes, here or there", "/mcp?%6B%6b=1", "?kk=2&k%6B=3", "/mcp?%6B%6b=1"],
  ["as a list", "/mcp?k=1", "?k[]=2&k[a][b]=3&k%5b0%5d=4", "/mcp?k=1"],
  ["with what some make `_` of", "/mcp?a_b=1", "?a.b=2&a-b=3&a+b=4&a%20b=5", "/mcp?a_b=1"],
  ["behind a semicolon", "/mcp?k=1", "?a;k=2;b&c", "/mcp?k=1&a;b&c"],
  ["behind blanks or before a NUL", "/mcp?k=1", "?+k=2&%20k=3&k%00=4", "/mcp?k=1"],
  ["a longer name and a value that says it", "/mcp?k=1", "?kk=2&a=k=3", "/mcp?k=1&kk=2&a=k=3"],
  ["a name of brackets alone", "/mcp?k=1", "?[k]=2&[=3", "/mcp?k=1&[k]=2&[=3"],
  [
    "names of another script, as long as each other",
    "/mcp?%E5%90%8D=1",
    "?%E5%80%BC=2",
    "/mcp?%E5%90%8D=1&%E5%80%BC=2",
  ],
  [
    "a name of another script that is configured",
    "/mcp?%D0%BA=1",
    "?%D0%9A=2&%d0%ba=3&%D0%BB=4",
    "/mcp?%D0%BA=1&%D0%BB=4",
  ],
  [
    "in letters of another width, or that stand for others",
    "/mcp?k=1",
    "?%EF%BD%8B=2&%E2%84%AA=3&%u006B=4",
    "/mcp?k=1",
  ],
  ["an accent by itself", "/mcp?%C3%A9=1", "?e%CC%81=2&E%CC%81=3&e=4", "/mcp?%C3%A9=1&e=4"],
  ["bytes that are no text", "/mcp?%ff=1", "?%fe=2&%ff%ff=3", "/mcp?%ff=1&%ff%ff=3"],
  ["a name decoded once only", "/mcp?k=1", "?%256B=2", "/mcp?k=1&%256B=2"],
];

for (const [what, target, query, wanted] of CASES) {
  Deno.test(`M4: the query of a request to the server: ${what}`, STRICT, () => {
    assert.equal(withQuery(target, query), wanted);
  });
}

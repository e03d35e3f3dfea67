import assert from "node:assert/strict";
import {
  KeptAnswers,
  marksOf,
  MOST_ANSWERS,
  questionDigest,
} from "../../../../../lib/bridge/stateless/rounds/kept_answers.ts";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { STRICT } from "../../../../support/strict.ts";

const encoder = new TextEncoder();
const account = new ByteAccount(1024 * 1024);

Deno.test(
  "M6: of a request that brings answers without number no more are looked at than a client can be asked",
  STRICT,
  () => {
    const value = { jsonrpc: "2.0", id: 7, method: "elicitation/create", params: { message: "?" } };
    const question = { line: encoder.encode(JSON.stringify(value)), value };
    const marks = marksOf([["asked", questionDigest(question)]]);
    const answered = (before: number) => {
      const others = Array.from({ length: before }, (_, at) => [`other-${at}`, {}]);
      const inputResponses = Object.fromEntries([...others, ["asked", { action: "accept" }]]);
      const text = encoder.encode(JSON.stringify({ params: { inputResponses } }));
      return new KeptAnswers(text, marks, account.open()).answerTo(question);
    };
    assert.equal(answered(0), '{"action":"accept"}');
    assert.equal(answered(MOST_ANSWERS - 1), '{"action":"accept"}');
    assert.equal(answered(MOST_ANSWERS), undefined);
  },
);

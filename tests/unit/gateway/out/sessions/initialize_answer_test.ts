// What is read ahead of an answer to initialize is its caller's, for as long as the answer is held.
import assert from "node:assert/strict";
import { readInitializeAnswer } from "../../../../../lib/gateway/out/sessions/initialize_answer.ts";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { CHUNKED, type ClientResponse, HttpError } from "../../../../../lib/http1/types.ts";
import { madeHead } from "../../../../../lib/http1/wire/heads/head.ts";
import { STRICT } from "../../../../support/strict.ts";

const KIB = 1024;

/** An answer of so many bytes, in pieces; `onRead` is called before each. */
function answerOf(bytes: number, onRead: () => void = () => {}): ClientResponse {
  const result = { protocolVersion: "2025-11-25", capabilities: {}, instructions: "" };
  const short = JSON.stringify({ jsonrpc: "2.0", id: 1, result });
  result.instructions = "x".repeat(Math.max(0, bytes - short.length));
  const text = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
  let at = 0;
  const body = {
    length: CHUNKED,
    get done() {
      return at >= text.length;
    },
    takeBuffered: () => undefined,
    read: () => {
      onRead();
      const piece = text.slice(at, at += 16 * KIB);
      return Promise.resolve(piece.length === 0 ? null : piece);
    },
    readAll: () => assert.fail("read in pieces"),
  };
  const head = madeHead(200, ["content-type", "application/json"], CHUNKED);
  return { head, body, release() {} };
}

Deno.test("M6: what is read ahead of an answer to initialize is charged until it is released", STRICT, async () => {
  const account = new ByteAccount(1024 * KIB);
  let most = 0;
  const given = answerOf(200 * KIB, () => most = Math.max(most, account.held));
  const { response, protocolVersion } = await readInitializeAnswer(given, { id: 1, account });
  assert.equal(protocolVersion, "2025-11-25");
  assert.ok(most >= 180 * KIB, `as it comes: found ${most}`);
  assert.equal(account.held, 200 * KIB);
  response.release();
  response.release();
  assert.equal(account.held, 0);
});

Deno.test(
  "M6: one that finds no room is refused, and nothing of it is held; a small one must go out",
  STRICT,
  async () => {
    const account = new ByteAccount(100 * KIB);
    const reading = { id: 1, account };
    const isNoRoom = (error: unknown) => error instanceof HttpError && error.code === "no_room";
    await assert.rejects(readInitializeAnswer(answerOf(200 * KIB), reading), isNoRoom);
    assert.equal(account.held, 0);
    const others = account.tryCharge(100 * KIB)!;
    const { response } = await readInitializeAnswer(answerOf(60 * KIB), reading);
    assert.equal(account.held, 160 * KIB);
    response.release();
    others.release();
    assert.equal(account.held, 0);
  },
);

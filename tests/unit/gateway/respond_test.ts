import assert from "node:assert/strict";
import { ERROR_KINDS, type ErrorCode, SignetError } from "../../../lib/errors.ts";
import { ErrorResponder, toSignetError } from "../../../lib/gateway/respond.ts";
import { HTTP_ERROR_STATUS, HttpError, type HttpErrorCode } from "../../../lib/http1/types.ts";
import { createLogger } from "../../../lib/observe/log.ts";
import { STRICT } from "../../support/strict.ts";

function responder(lostSessionStatus = 404) {
  const lines: string[] = [];
  const log = createLogger({ level: "debug", format: "json", now: () => 0, write: (line) => lines.push(line) });
  return { lines, errors: new ErrorResponder({ log, errorId: () => "e1", lostSessionStatus }) };
}

const decode = (body: Uint8Array) => JSON.parse(new TextDecoder().decode(body));

Deno.test("ErrorResponder shows the public message and an error id, and keeps the rest in the log", STRICT, () => {
  const { lines, errors } = responder();
  const cause = new Error("connect 10.0.0.7:3000: refused");
  const { start, body } = errors.respond(new SignetError("upstream_unreachable", { facts: { upstream: "a" }, cause }));
  assert.equal(start.status, 502);
  assert.deepEqual(decode(body), {
    jsonrpc: "2.0",
    id: null,
    error: { code: -32000, message: "Bad gateway: the MCP server cannot be reached", data: { errorId: "e1" } },
  });
  assert.match(lines.join(), /"errorId":"e1".*10\.0\.0\.7/);
});

Deno.test(
  "V1: what is refused in words of a specification, as a batch or as a tool's result, names its line, too",
  STRICT,
  () => {
    const { errors } = responder();
    const own = errors.respond(new SignetError("modern_version_unsupported", { data: { requested: "2027-01-01" } }));
    assert.deepEqual(decode(own.body).error.data, { requested: "2027-01-01", errorId: "e1" });
    const batch = [{ id: 1, rpcCode: -32602, message: "a" }, { id: 2, rpcCode: -32600, message: "b" }];
    const each = decode(errors.respond(new SignetError("rule_denied", { batch })).body);
    assert.deepEqual(each.map(({ error }: { error: { data: unknown } }) => error.data), [{ errorId: "e1" }, {
      errorId: "e1",
    }]);
    const asToolResult = { resultType: "complete" };
    const { result } = decode(errors.respond(new SignetError("rate_limited", { asToolResult }), { rpcId: 1 }).body);
    assert.deepEqual([result.isError, result.resultType, result._meta], [true, "complete", { errorId: "e1" }]);
  },
);

Deno.test("a cause is logged by its code: the name of a library's class is another in each build", STRICT, () => {
  const { lines, errors } = responder();
  const cause = Object.assign(new Error("no key"), { name: "Je", code: "ERR_JWKS_NO_MATCHING_KEY" });
  errors.respond(new SignetError("identity_unavailable", { cause }));
  assert.match(lines.join(), /"cause":"ERR_JWKS_NO_MATCHING_KEY: no key"/);
});

Deno.test(
  "L2: ErrorResponder answers 404 and −32001 for a session that does not open, or the configured status",
  STRICT,
  () => {
    const error = () => new SignetError("session_not_found", { facts: { outcome: "tag" } });
    const { start, body } = responder().errors.respond(error());
    assert.equal(start.status, 404);
    assert.equal(decode(body).error.code, -32001);
    assert.equal(JSON.stringify(decode(body)).includes("tag"), false);
    assert.equal(responder(410).errors.respond(error()).start.status, 410);
  },
);

Deno.test("M2: ErrorResponder sends Retry-After, challenges and Allow where the error has them", STRICT, () => {
  const { errors } = responder();
  const fields = (error: SignetError) => errors.respond(error).start.fields;
  assert.equal(fields(new SignetError("session_limit", { retryAfterS: 30 })).join().includes("retry-after,30"), true);
  assert.equal(
    fields(new SignetError("unauthenticated", { challenge: "Bearer" })).join().includes("www-authenticate,Bearer"),
    true,
  );
  assert.equal(fields(new SignetError("method_not_allowed", { allow: "POST" })).join().includes("allow,POST"), true);
});

Deno.test(
  "toSignetError maps engine errors to codes and anything else to internal, without its message",
  STRICT,
  () => {
    assert.equal(toSignetError(new HttpError("body_too_large", "x")).code, "body_too_large");
    assert.equal(toSignetError(new HttpError("connect_failed", "x")).kind.status, 502);
    const unknown = toSignetError(new TypeError("secret detail"));
    assert.equal(unknown.code, "internal");
    assert.equal(unknown.message.includes("secret"), false);
  },
);

Deno.test("toSignetError keeps the status that the engine has for its fault", STRICT, () => {
  for (const [code, status] of Object.entries(HTTP_ERROR_STATUS)) {
    assert.equal(toSignetError(new HttpError(code as HttpErrorCode, "x")).kind.status, status, code);
  }
});

Deno.test("V1: ErrorResponder leaves one line at the default level for each code there is, and the answer names it", () => {
  for (const code of Object.keys(ERROR_KINDS) as ErrorCode[]) {
    const lines: Record<string, unknown>[] = [];
    const log = createLogger({
      level: "info",
      format: "json",
      now: () => 0,
      write: (line) => void lines.push(JSON.parse(line)),
    });
    const responder = new ErrorResponder({ log, errorId: () => "e1", lostSessionStatus: 404 });
    const { start, errorId } = responder.respond(new SignetError(code), { facts: { from: "127.0.0.1" } });
    assert.equal(lines.length, 1, code);
    const [{ code: told, status, errorId: id, from } = {}] = lines;
    assert.deepEqual([told, status, id, from], [code, start.status, errorId, "127.0.0.1"]);
  }
});

Deno.test("V1: what keeps Signet from its server is told with its own cure", STRICT, () => {
  const cures: readonly (readonly [words: string, cure: RegExp])[] = [
    ["connecting to tls:a:1: its certificate is of no authority that is trusted", /--upstream-ca/],
    ["connecting to tls:a:1: its certificate has expired, or is not valid yet", /Renew/],
    ["connecting to tls:a:1: its certificate is for another name", /name that it is for/],
    ["connecting to a:1: getaddrinfo ENOTFOUND a", /does not resolve/],
    ["connecting to a:1: failed to lookup address information: Name or service not known", /does not resolve/],
    ["connecting to a:1: Failed to connect", /Start the MCP server/],
  ];
  for (const [words, cure] of cures) {
    assert.match(String(toSignetError(new HttpError("connect_failed", words)).detail.remedy), cure, words);
  }
  const closed = new HttpError("upstream_closed", "the upstream closed the connection without an answer");
  assert.match(String(toSignetError(closed).detail.remedy), /its own log.*https/);
});

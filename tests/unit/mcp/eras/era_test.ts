// lib/mcp/eras/era.ts, modern.ts, revisions.ts and header_value.ts: which era a message belongs to, and what a stateless one
// must satisfy. The codes and their order are those of the official SDK 2.x server.
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { classify, readInitializeParams } from "../../../../lib/mcp/eras/era.ts";
import { decodeHeaderValue } from "../../../../lib/mcp/eras/header_value.ts";
import {
  assertModern,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_PROTOCOL_VERSION,
  type ModernHeaders,
} from "../../../../lib/mcp/eras/modern.ts";
import {
  allowsBatches,
  allowsPrimingEvents,
  claimsModernEra,
  isKnownRevision,
  LEGACY_REVISIONS,
} from "../../../../lib/mcp/eras/revisions.ts";
import { parseMessage } from "../../../../lib/mcp/messages/read_message.ts";
import { STRICT } from "../../../support/strict.ts";

const M = "2026-07-28";
const ENVELOPE = { [META_PROTOCOL_VERSION]: M, [META_CLIENT_CAPABILITIES]: {} };

function parsed(message: unknown) {
  return parseMessage(new TextEncoder().encode(JSON.stringify(message)), { maxDepth: 32 });
}

function call(method: string, params?: Record<string, unknown>) {
  return { jsonrpc: "2.0", id: 1, method, ...(params === undefined ? {} : { params }) };
}

/** How classify tells a body: `initialize`, `legacy` or `modern`. */
function eraOf(message: unknown, versionHeader?: string): string {
  const classified = classify(parsed(message), versionHeader);
  return classified.era === "modern" ? "modern" : classified.kind === "initialize" ? "initialize" : "legacy";
}

function refuses(code: string, action: () => void): SignetError {
  let found: unknown;
  try {
    action();
  } catch (error) {
    found = error;
  }
  assert.ok(found instanceof SignetError, `want ${code}, found ${found}`);
  assert.equal(found.code, code);
  return found;
}

Deno.test("PROTOCOL 27: classify tells the era from the body when the headers say nothing", STRICT, () => {
  assert.equal(eraOf(call("initialize", { protocolVersion: "2025-11-25" })), "initialize");
  assert.equal(eraOf(call("tools/list")), "legacy");
  assert.equal(eraOf(call("tools/list", { _meta: { progressToken: 1 } })), "legacy");
  assert.equal(eraOf(call("tools/list", { _meta: { [META_CLIENT_CAPABILITIES]: {} } })), "legacy");
  assert.equal(eraOf(call("tools/list", { _meta: ENVELOPE })), "modern");
  assert.equal(eraOf({ jsonrpc: "2.0", id: 1, result: {} }), "legacy");
  assert.equal(eraOf([{ jsonrpc: "2.0", method: "a" }]), "legacy");
});

Deno.test("PROTOCOL 27: classify falls back to no legacy handling when the envelope is broken", STRICT, () => {
  assert.equal(eraOf(call("tools/list", { _meta: { [META_PROTOCOL_VERSION]: 7 } })), "modern");
});

Deno.test("PROTOCOL 27: classify takes the version header when the body says nothing", STRICT, () => {
  assert.equal(eraOf(call("tools/list"), M), "modern");
  assert.equal(eraOf({ jsonrpc: "2.0", method: "notifications/x" }, M), "modern");
  assert.equal(eraOf(call("tools/list"), "2025-11-25"), "legacy");
  assert.equal(eraOf(call("tools/list"), "zzzz"), "legacy");
  assert.equal(eraOf({ jsonrpc: "2.0", id: 1, result: {} }, M), "legacy");
});

Deno.test(
  "PROTOCOL 27: classify takes initialize with a complete modern envelope as modern, with a broken one as legacy",
  STRICT,
  () => {
    assert.equal(eraOf(call("initialize", { _meta: ENVELOPE })), "modern");
    assert.equal(eraOf(call("initialize", { _meta: { [META_PROTOCOL_VERSION]: M } })), "initialize");
    assert.equal(
      eraOf(call("initialize", { _meta: { ...ENVELOPE, [META_PROTOCOL_VERSION]: "2025-11-25" } })),
      "initialize",
    );
  },
);

Deno.test("PROTOCOL 27: classify refuses initialize when the header names the modern era", STRICT, () => {
  refuses("header_mismatch", () => eraOf(call("initialize"), M));
});

Deno.test(
  "PROTOCOL 12: classify refuses initialize in a batch, stateless elements in a batch, and initialize without an id",
  STRICT,
  () => {
    refuses("invalid_request", () => eraOf([call("ping"), call("initialize")]));
    refuses("invalid_request", () => eraOf([call("ping"), call("tools/list", { _meta: ENVELOPE })]));
    refuses("invalid_request", () => eraOf({ jsonrpc: "2.0", method: "initialize" }));
  },
);

Deno.test("readInitializeParams returns what is sealed, and refuses what is not there", STRICT, () => {
  const params = {
    protocolVersion: "2025-06-18",
    capabilities: { roots: {} },
    clientInfo: { name: "c", version: "1" },
  };
  const request = parsed(call("initialize", { ...params, extra: 1 }));
  assert.ok(request.kind === "request");
  assert.deepEqual(readInitializeParams(request), params);
  for (
    const broken of [{}, { ...params, protocolVersion: 1 }, { ...params, capabilities: [] }, {
      ...params,
      clientInfo: "x",
    }]
  ) {
    const message = parsed(call("initialize", broken));
    assert.ok(message.kind === "request");
    refuses("invalid_params", () => readInitializeParams(message));
  }
});

function assertPasses(message: unknown, headers: Partial<ModernHeaders>): void {
  const body = parsed(message);
  assert.ok(body.kind === "request" || body.kind === "notification");
  assertModern(body, { protocolVersion: undefined, method: undefined, name: undefined, ...headers });
}

Deno.test("PROTOCOL 23: assertModern passes a request whose headers agree with its body", STRICT, () => {
  assertPasses(call("tools/list", { _meta: ENVELOPE }), { protocolVersion: M, method: "tools/list" });
  assertPasses(call("no/such/method", { _meta: ENVELOPE }), { protocolVersion: M, method: "no/such/method" });
  for (
    const [method, source] of [
      ["tools/call", "name"],
      ["prompts/get", "name"],
      ["resources/read", "uri"],
      ["tasks/get", "taskId"],
      ["tasks/update", "taskId"],
      ["tasks/cancel", "taskId"],
    ] as const
  ) {
    const message = call(method, { _meta: ENVELOPE, [source]: "x y" });
    assertPasses(message, { protocolVersion: M, method, name: "x y" });
    assertPasses(message, { protocolVersion: M, method, name: `=?base64?${btoa("x y")}?=` });
    refuses("header_mismatch", () => assertPasses(message, { protocolVersion: M, method, name: "x" }));
    refuses("header_mismatch", () => assertPasses(message, { protocolVersion: M, method }));
    refuses("header_mismatch", () => assertPasses(message, { protocolVersion: M, method, name: "=?base64?eCB5!?=" }));
  }
});

Deno.test(
  "PROTOCOL 23: assertModern asks for no Mcp-Name when the method has none or the body names nothing",
  STRICT,
  () => {
    assertPasses(call("tools/call", { _meta: ENVELOPE }), { protocolVersion: M, method: "tools/call" });
    assertPasses(call("tools/list", { _meta: ENVELOPE }), { protocolVersion: M, method: "tools/list", name: "stray" });
    assertPasses(call("constructor", { _meta: ENVELOPE }), { protocolVersion: M, method: "constructor" });
  },
);

Deno.test("PROTOCOL 23: assertModern refuses headers that are missing or disagree with header_mismatch", STRICT, () => {
  const message = call("tools/list", { _meta: ENVELOPE });
  for (
    const headers of [
      {},
      { protocolVersion: M },
      { method: "tools/list" },
      { protocolVersion: M, method: "tools/call" },
      { protocolVersion: M, method: "Tools/List" },
      { protocolVersion: "2025-11-25", method: "tools/list" },
    ]
  ) refuses("header_mismatch", () => assertPasses(message, headers));
});

Deno.test(
  "PROTOCOL 25: assertModern refuses a missing or mistyped envelope member with invalid_params, naming it",
  STRICT,
  () => {
    const headers = { protocolVersion: M, method: "tools/list" };
    const faults: [unknown, string][] = [
      [undefined, "_meta"],
      [{}, META_PROTOCOL_VERSION],
      [{ [META_PROTOCOL_VERSION]: M }, META_CLIENT_CAPABILITIES],
      [{ [META_CLIENT_CAPABILITIES]: {} }, META_PROTOCOL_VERSION],
      [{ ...ENVELOPE, [META_CLIENT_CAPABILITIES]: [] }, META_CLIENT_CAPABILITIES],
      [{ ...ENVELOPE, [META_CLIENT_INFO]: "x" }, META_CLIENT_INFO],
    ];
    for (const [meta, name] of faults) {
      const message = call("tools/list", meta === undefined ? undefined : { _meta: meta });
      const error = refuses("invalid_params", () => assertPasses(message, headers));
      assert.ok(error.message.includes(name), error.message);
    }
  },
);

Deno.test("PROTOCOL 25: assertModern refuses an unknown version with the versions that are known", STRICT, () => {
  for (const version of ["2027-01-01", "2025-11-25", "1.0"]) {
    const message = call("tools/list", { _meta: { ...ENVELOPE, [META_PROTOCOL_VERSION]: version } });
    const error = refuses("modern_version_unsupported", () => assertPasses(message, { protocolVersion: version }));
    assert.deepEqual(error.detail.data, { supported: [M], requested: version });
  }
});

Deno.test("PROTOCOL 23: assertModern asks nothing of a notification but that what it has agrees", STRICT, () => {
  const notification = (params?: object) => ({ jsonrpc: "2.0", method: "notifications/x", ...(params && { params }) });
  assertPasses(notification(), { protocolVersion: M });
  assertPasses(notification({ _meta: { [META_PROTOCOL_VERSION]: M } }), {});
  refuses("header_mismatch", () => assertPasses(notification(), { protocolVersion: M, method: "notifications/y" }));
  refuses(
    "header_mismatch",
    () => assertPasses(notification({ _meta: { [META_PROTOCOL_VERSION]: M } }), { protocolVersion: "2025-11-25" }),
  );
  refuses("invalid_params", () => assertPasses(notification({ _meta: { [META_PROTOCOL_VERSION]: 1 } }), {}));
  refuses("modern_version_unsupported", () => assertPasses(notification(), { protocolVersion: "2027-01-01" }));
});

Deno.test("PROTOCOL 23: decodeHeaderValue gives the text, encoded or plain", STRICT, () => {
  for (const text of ["plain", "two words", " lead", "trail ", "", "é", "日本", "=?base64?eA==?=", "a\nb", "a\tb"]) {
    assert.equal(decodeHeaderValue(`=?base64?${new TextEncoder().encode(text).toBase64()}?=`), text);
  }
  for (const text of ["plain", "two words", "a\tb"]) assert.equal(decodeHeaderValue(text), text);
});

Deno.test(
  "PROTOCOL 23: decodeHeaderValue refuses base64 that is not canonical or not UTF-8, and takes other forms as they are",
  STRICT,
  () => {
    for (const bad of ["=?base64?eA?=", "=?base64?eA= =?=", "=?base64?_w==?=", "=?base64?/w==?="]) {
      assert.equal(decodeHeaderValue(bad), undefined, bad);
    }
    for (const plain of ["=?BASE64?eA==?=", "=?base64?eA==", "=?base64?=", "eA=="]) {
      assert.equal(decodeHeaderValue(plain), plain);
    }
  },
);

Deno.test("PROTOCOL 13: revisions are known exactly when they are published", STRICT, () => {
  for (const revision of [...LEGACY_REVISIONS, M]) assert.ok(isKnownRevision(revision));
  for (const revision of ["", "2025-03-27", "2024-10-07", "latest", "2027-01-01"]) {
    assert.ok(!isKnownRevision(revision));
  }
  assert.deepEqual(LEGACY_REVISIONS.filter(claimsModernEra), []);
  assert.ok(claimsModernEra(M) && claimsModernEra("2027-01-01") && !claimsModernEra("latest"));
});

Deno.test("PROTOCOL 12, 15: batches end with 2025-06-18, priming events begin with 2025-11-25", STRICT, () => {
  assert.deepEqual([...LEGACY_REVISIONS, M].filter(allowsBatches), ["2024-11-05", "2025-03-26"]);
  assert.deepEqual([...LEGACY_REVISIONS, M].filter(allowsPrimingEvents), ["2025-11-25"]);
});

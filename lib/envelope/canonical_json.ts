// One JSON text per value, whatever the order its members came in: RFC 8785 (JCS) — no blanks, members sorted by UTF-16
// code units, numbers and strings as ECMAScript writes them. Beyond it, lone surrogates are kept (escaped).

import { SignetError } from "../errors.ts";

/** Deeper values are refused: they come from strangers, and the encoder recurses. */
export const MAX_DEPTH = 64;

/**
 * The canonical text of a JSON value. Like `JSON.stringify`, it leaves out members that are undefined and writes `null`
 * for numbers that are not finite (`JSON.parse` makes Infinity of 1e999).
 *
 * @throws SignetError `invalid_params` for nesting beyond 64 levels
 * @throws TypeError for what JSON cannot hold: functions, symbols, bigints
 */
export function canonicalJson(value: unknown): string {
  return encode(value, 0);
}

function encode(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) return encodeScalar(value);
  if (depth === MAX_DEPTH) {
    throw new SignetError("invalid_params", {
      publicMessage: `Invalid params: nested beyond ${MAX_DEPTH} levels`,
      remedy: "Send flatter clientInfo and capabilities.",
    });
  }
  return Array.isArray(value) ? encodeArray(value, depth + 1) : encodeObject(value, depth + 1);
}

function encodeScalar(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`encoding JSON: found a ${typeof value}, want a JSON value`);
  return text;
}

function encodeArray(items: readonly unknown[], depth: number): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) text += (i === 0 ? "" : ",") + encode(items[i], depth);
  return text + "]";
}

function encodeObject(object: object, depth: number): string {
  // Text is put together rather than a sorted object built: an object would move integer-like names to its front.
  let text = "{";
  for (const name of Object.keys(object).sort()) {
    const value = (object as Record<string, unknown>)[name];
    if (value === undefined) continue;
    text += (text === "{" ? "" : ",") + JSON.stringify(name) + ":" + encode(value, depth);
  }
  return text + "}";
}

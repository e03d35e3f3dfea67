// Reading and filtering header fields of a parsed head. RFC 9110 §5 (fields), §7.6.1 (hop-by-hop), §5.6.1 (lists).
import { Buffer } from "node:buffer";
import type { FieldList, Fields } from "../../types.ts";
import { isToken, sliceTrimmed } from "../grammar.ts";
import { decodeLatin1, encodeLatin1 } from "../latin1.ts";

/** The first value of the field `lowerName` (lower-case), or undefined if it is absent. */
export function fieldValue(fields: Fields, lowerName: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === lowerName) return fields[i + 1];
  }
  return undefined;
}

/** What all lines of the field `lowerName` (lower-case) say, as one line would (RFC 9110 §5.3); undefined if it is absent. */
export function combinedValue(fields: Fields, lowerName: string): string | undefined {
  let combined: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === lowerName) combined = combined === undefined ? fields[i + 1] : `${combined}, ${fields[i + 1]}`;
  }
  return combined;
}

/** How many lines of the field `lowerName` (lower-case) there are. */
export function countField(fields: Fields, lowerName: string): number {
  let count = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === lowerName) count++;
  }
  return count;
}

/**
 * Fields that belong to one connection and never travel on: RFC 9110 §7.6.1, what came before it (`keep-alive`,
 * `proxy-connection`, `http2-settings`), the framing, which the engine writes anew for each hop, `expect`, which the
 * engine answers itself, and the proxy credentials and challenges, which concern the nearest proxy (§11.7).
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Fields that speak of the very bytes of a body, or of what those are of (RFC 9110 §8.8.3, RFC 9530): of a body that was
 * changed, or exchanged for another, they are untrue.
 */
export const OF_THE_BYTES: ReadonlySet<string> = new Set([
  ...["content-md5", "content-digest", "digest", "repr-digest", "etag"],
]);

/** Whether the engine owns the field `lowerName`: it is neither forwarded nor taken from the engine's user. */
export function isHopByHop(lowerName: string): boolean {
  return HOP_BY_HOP.has(lowerName);
}

/**
 * A copy of `fields` without those of {@link isHopByHop} and without every field that a Connection line names.
 *
 * A Connection line must not be a tool to take a field away from the next hop that it relies on. So this is the rule:
 * the parser refuses a message whose Connection names one of `HeadLimits.singletons` (framing, Host, credentials and
 * whatever the engine's user declared); of what is left, the named fields are removed here as §7.6.1 demands. Fields
 * that the engine's user adds must be added afterwards.
 */
export function withoutHopByHop(fields: Fields): FieldList {
  const kept: FieldList = [];
  let named: Set<string> | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (!HOP_BY_HOP.has(name)) {
      kept.push(name, fields[i + 1]!);
    } else if (name === "connection") {
      const value = fields[i + 1]!;
      if (value === "keep-alive" || value === "close") continue;
      named ??= new Set();
      for (const option of listElements(value)) named.add(option);
    }
  }
  return named === undefined || named.size === 0 ? kept : without(kept, named);
}

function without(fields: Fields, names: ReadonlySet<string>): FieldList {
  const kept: FieldList = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (!names.has(fields[i]!)) kept.push(fields[i]!, fields[i + 1]!);
  }
  return kept;
}

/**
 * The elements of a comma-separated list, lower-cased and trimmed; empty elements are skipped (RFC 9110 §5.6.1.2).
 * For lists of plain tokens only: a quoted comma would separate, too.
 */
export function listElements(value: string): string[] {
  const elements: string[] = [];
  for (const part of value.split(",")) {
    const element = sliceTrimmed(part, 0, part.length);
    if (element !== "") elements.push(element.toLowerCase());
  }
  return elements;
}

/** The elements of a list of tokens as {@link listElements}, or undefined if one of them is not a token. */
export function tokenList(value: string): string[] | undefined {
  const elements = listElements(value);
  return elements.every(isToken) ? elements : undefined;
}

/** Scratch: written and read in one step. */
const detaching = new Uint8Array(4096);

/**
 * The same text in memory of its own. What parsing hands out are slices of the whole head: whoever keeps one for longer
 * than its request keeps the head with it.
 * @param text latin1, as heads are; of any other see `platform/memory/own_text.ts`
 */
export function detachText(text: string): string {
  if (text.length > detaching.length) return Buffer.from(text, "latin1").toString("latin1");
  encodeLatin1(text, detaching);
  return decodeLatin1(detaching, 0, text.length);
}

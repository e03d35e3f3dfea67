// The published MCP revisions and what differs between them on the wire of Streamable HTTP.
// Legacy revisions carry sessions; modern ones are stateless with a `_meta` envelope in every request.

/** How a revision keeps state: in a session (`legacy`), or in each request (`modern`). */
export type Era = "legacy" | "modern";

/** Revisions with an initialize handshake and sessions, oldest first. */
export const LEGACY_REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const;

/** Stateless revisions, oldest first. */
export const MODERN_REVISIONS = ["2026-07-28"] as const;

/** What a request without `MCP-Protocol-Version` speaks (MCP 2025-06-18, Transports, "Protocol Version Header"). */
export const DEFAULT_REVISION = "2025-03-26";

const legacy: ReadonlySet<string> = new Set(LEGACY_REVISIONS);
const modern: ReadonlySet<string> = new Set(MODERN_REVISIONS);
const FIRST_MODERN = MODERN_REVISIONS[0];

/** Whether `revision` is published and carries sessions. */
export function isLegacyRevision(revision: string): boolean {
  return legacy.has(revision);
}

/** Whether `revision` is published and stateless. */
export function isModernRevision(revision: string): boolean {
  return modern.has(revision);
}

/** Whether `revision` is published. */
export function isKnownRevision(revision: string): boolean {
  return legacy.has(revision) || modern.has(revision);
}

/**
 * Whether `revision` claims the modern era, published or not: revisions are dates, so later ones compare greater.
 * Text that is no date claims nothing.
 */
export function claimsModernEra(revision: string): boolean {
  return revision >= FIRST_MODERN && /^\d{4}-\d{2}-\d{2}$/.test(revision);
}

/**
 * Whether a JSON array of messages is a legal body. 2025-03-26 made receiving them a MUST, 2025-06-18 removed them;
 * before, JSON-RPC 2.0 §6 stood unmodified.
 */
export function allowsBatches(revision: string): boolean {
  return revision === "2024-11-05" || revision === "2025-03-26";
}

/**
 * Whether a client of `revision` survives a priming event (an SSE event with an id and empty data).
 * They exist since 2025-11-25 (Transports, "Sending Messages to the Server" 6); older clients parse the data as JSON.
 */
export function allowsPrimingEvents(revision: string): boolean {
  return legacy.has(revision) && revision >= "2025-11-25";
}

/** Whether a revision that a server names, known or not, can stand in a header field and in a session's id. */
export function isRevisionText(revision: string): boolean {
  return /^[\x21-\x7e]{1,64}$/.test(revision);
}

// What is kept of a session at a server that stateless clients share, so that another process goes on with it: one text,
// sealed for the place where it is kept (docs/behaviour.md S3).
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import type { StoreSeal } from "../../../envelope/store_seal.ts";
import { isLegacyRevision } from "../../../mcp/eras/revisions.ts";
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { isJsonObject, type JsonObject } from "../../../platform/json.ts";
import { isUpstreamId } from "../../http/session_id_field.ts";
import type { Greeted } from "../peer_session.ts";

export interface KeptSession {
  /** The key it is kept under: what was copied from there to elsewhere is nobody's (as `Move.sid`). */
  readonly of: string;
  readonly id: UpstreamSessionId;
  readonly version: string;
  /** When it was opened, in ms since the epoch: what is revoked up to a moment is known by it. */
  readonly openedAtMs: number;
  /** What the server said of itself. */
  readonly result: JsonObject;
}

/** Of a text, in bytes: an id and what the server says of itself. */
const MAX_KEPT_BYTES = 60 * 1024;

/** What is to be kept of a session that has been opened; undefined of one that nobody could go on with. */
export function keptOf(
  { of, openedAtMs }: Pick<KeptSession, "of" | "openedAtMs">,
  { session, reply: { value: { result } } }: Greeted,
): KeptSession | undefined {
  if (session?.id === undefined || !isJsonObject(result) || !isLegacyRevision(session.version)) return undefined;
  return { of, id: session.id, version: session.version, openedAtMs, result };
}

/** Undefined if it is too long to be kept, even without what the server tells models to do. */
export function sealKept(seal: StoreSeal, { result, ...kept }: KeptSession): string | undefined {
  const { instructions: _, ...rest } = result;
  const texts = [{ ...kept, result }, { ...kept, result: rest }].map((each) => JSON.stringify(each));
  const text = texts.find((text) => encodeJson(text).length <= MAX_KEPT_BYTES);
  return text === undefined ? undefined : seal.seal(text);
}

/** Undefined for what is none of ours, or could not be sent back. */
export function openKept(seal: StoreSeal, text: string): KeptSession | undefined {
  const { of, id, version, openedAtMs, result } = seal.membersOf(text);
  const isWhole = typeof of === "string" && typeof id === "string" && isUpstreamId(id) &&
    typeof version === "string" && isLegacyRevision(version) &&
    typeof openedAtMs === "number" && isJsonObject(result);
  return isWhole ? { of, id, version, openedAtMs, result } : undefined;
}

/** As if it had just been opened. */
export function greetedBy({ id, version, result }: KeptSession): Greeted {
  const value = { jsonrpc: "2.0", id: 0, result };
  return { reply: { value, line: encodeJson(value) }, session: { id, version } };
}

// Whether an answer says that the upstream has lost the session, and so proves that it did not process the request (L4).
// Reads no more of it than that takes, and loses none: what was read is passed on with the rest.
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { ownBytes } from "../../http1/wire/borrowed.ts";
import { fieldValue } from "../../http1/wire/fields.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { GatheredBytes } from "../../mcp/gathered_bytes.ts";
import { isLostSession } from "../../mcp/lost_session.ts";
import type { RelayExtras } from "./relay.ts";

/** Beyond this a refusal is no transport's (see `isLostSession`). */
const JUDGED_BYTES = 8192;
/** Stands for a body of which only its length matters. */
const TOO_LONG = new Uint8Array(JUDGED_BYTES + 1);

type Decoder = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** Statuses that servers in use refuse a session with. */
export function mayBeLost({ head: { status } }: ClientResponse): boolean {
  return status === 404 || status === 400 || status === 401;
}

/**
 * Reads as much of a refusal as it takes to tell a lost session from any other; what cannot be read proves nothing.
 * @throws HttpError as the body, which is then released
 */
export async function judge(response: ClientResponse): Promise<{ lost: boolean; extras: RelayExtras }> {
  const prefix = await readPrefix(response);
  const { status, fields } = response.head;
  const plain = decode(prefix, fieldValue(fields, "content-encoding"));
  const lost = plain !== undefined && isLostSession(status, fieldValue(fields, "content-type"), plain);
  return { lost, extras: { prefix } };
}

async function readPrefix(response: ClientResponse): Promise<Uint8Array> {
  const gathered = new GatheredBytes();
  try {
    while (gathered.size <= JUDGED_BYTES) {
      const piece = await response.body.read();
      if (piece === null) break;
      gathered.add(ownBytes(piece));
    }
  } catch (error) {
    response.release();
    throw error;
  }
  return gathered.take();
}

/** The bytes without their content coding (RFC 9110 §8.4.1); undefined if that cannot be told. */
function decode(bytes: Uint8Array, coding: string | undefined): Uint8Array | undefined {
  if (coding === undefined || coding.toLowerCase() === "identity") return bytes;
  if (bytes.length > JUDGED_BYTES) return TOO_LONG;
  const name = coding.toLowerCase();
  if (!Object.hasOwn(DECODERS, name)) return undefined;
  try {
    return DECODERS[name]!(bytes, { maxOutputLength: JUDGED_BYTES + 1 });
  } catch (fault) {
    return (fault as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE" ? TOO_LONG : undefined;
  }
}

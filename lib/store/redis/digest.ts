// Names by which a shared store has what nobody may read there.
import { createHash } from "../../platform/runtime/builtin.ts";

/** Names something without saying it: 128 bits of SHA-256. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");
}

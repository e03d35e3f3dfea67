// Listening streams live as long as their session, their credentials do not: a stream ends with the credential that opened
// it (PROTOCOL.md 8). It ends properly, and the client asks again with the credential it has by then, as after a drain.
import type { Lifecycle } from "../parts.ts";

/** To be called every second or so. */
export function endUnproven({ streams }: Lifecycle, nowMs: number): void {
  for (const stream of streams) {
    if (nowMs >= stream.provenUntilMs) stream.abort("credential_expired");
  }
}

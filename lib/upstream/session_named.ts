// What a session is called in the log, for those who know it by that name alone.
import type { SessionName } from "../bridge/request.ts";

export function sessionNamed(tag: string | undefined): SessionName | undefined {
  return tag === undefined ? undefined : { tag };
}

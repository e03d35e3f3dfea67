// Live sessions as operators see them, a page at a time, in the order they came into memory.
import type { CallerView, SessionPage, SessionQuery, SessionView } from "../../admin/control.ts";
import { namesOf } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";

export function pageOf(sessions: Iterable<Session>, query: SessionQuery): SessionPage {
  const { limit, offset = 0, find, names = false } = query;
  const wanted = find?.trim();
  const views: SessionView[] = [];
  let total = 0;
  for (const session of sessions) {
    if (wanted !== undefined && wanted !== "" && !isMeant(session, wanted, names)) continue;
    if (total >= offset && views.length < limit) views.push(viewOf(session, names));
    total++;
  }
  return { sessions: views, total };
}

/** What is searched for names is what is shown: nobody finds out a caller's name by asking. */
function isMeant(session: Session, wanted: string, names: boolean): boolean {
  if (session.tag.startsWith(wanted) || session.owner.startsWith(wanted)) return true;
  return names && callerNamed(session).subject.toLowerCase().includes(wanted.toLowerCase());
}

function viewOf(session: Session, names: boolean): SessionView {
  const { owner, protocolVersion, issuedAtMs, expiresAtMs } = session;
  const { lastActiveMs, inFlight, openStreams: streams, tag: hash } = session;
  const view = { hash, owner, protocolVersion, issuedAtMs, expiresAtMs, lastActiveMs, inFlight, streams };
  return names ? { ...view, caller: callerNamed(session) } : view;
}

/** As the names say that its reservation is kept under. */
export function callerNamed({ ownerKey, principalKey }: Session): CallerView {
  return namesOf(ownerKey ?? principalKey);
}

// What operators do to all workers at once. Tokens are any worker's to deal with, since all share their records; sessions are
// in the memory of some, so that all are asked, and what they answer is one answer (docs/behaviour.md L6, T1–T3).
import type { RevocationRequest, SessionPage, SessionQuery, SessionView } from "../../admin/control.ts";
import { SignetError } from "../../errors.ts";
import type { NamingControl } from "../operators/control.ts";
import { EndGone } from "./channel.ts";

/** Sessions that are looked at in each worker. */
const MOST_SESSIONS = 10_000;

export interface FleetControlOptions {
  /** Asks any one worker. */
  readonly askOne: (method: string, ...args: readonly unknown[]) => Promise<unknown>;
  /** Asks each, in one turn: none has acted before all have been asked. */
  readonly askEach: (method: string, argsOf: (index: number) => readonly unknown[]) => Promise<unknown>[];
}

export function fleetControl({ askOne, askEach }: FleetControlOptions): NamingControl {
  const one = (method: string) => async (...args: readonly unknown[]) =>
    await askOne(method, ...args).catch(rethrow) as never;
  const listSessions = async (query: SessionQuery) => {
    const whole = { ...query, offset: 0, limit: MOST_SESSIONS };
    return pageOf(await all<SessionPage>(askEach("listSessions", () => [whole])), query);
  };
  const revokeEach = async (request: RevocationRequest) => {
    if (request.kind === "owner_of") return await revokeOwnerOf(request.hash);
    return await revokeIn(askEach("revokeEach", () => [request]));
  };
  /** Whoever has the session in memory knows whose it is; the others are told by name. */
  const revokeOwnerOf = async (hash: string) => {
    const query: SessionQuery = { limit: MOST_SESSIONS, find: hash, names: true };
    const pages = await all<SessionPage>(askEach("listSessions", () => [query]));
    const found = pages.map(({ sessions }) => sessions.find((session) => session.hash === hash)?.caller);
    const caller = found.find((each) => each !== undefined);
    const byHash = { kind: "owner_of", hash };
    if (caller === undefined) return await revokeIn(askEach("revokeEach", () => [byHash]));
    const byName = { kind: "principal", ...caller };
    try {
      return await revokeIn(askEach("revokeEach", (index) => [found[index] === undefined ? byName : byHash]));
    } catch (fault) {
      // Whoever knew it has ended since: his place has another, or nobody.
      if (!(fault instanceof SignetError) || fault.code !== "session_not_found") throw fault;
      return await revokeIn(askEach("revokeEach", () => [byName]));
    }
  };
  return {
    issueToken: one("issueToken"),
    verifyToken: one("verifyToken"),
    revokeToken: one("revokeToken"),
    revokeAgent: one("revokeAgent"),
    listTokens: one("listTokens"),
    listSessions,
    revokeEach,
    revoke: async (request) => ({ ended: (await revokeEach(request)).length }),
  };
}

async function all<T>(asked: readonly Promise<unknown>[]): Promise<T[]> {
  return await Promise.all(asked).catch(rethrow) as T[];
}

/** To an operator a worker that ended under his question is no fault of Signet's: he asks again. */
function rethrow(fault: unknown): never {
  if (!(fault instanceof EndGone)) throw fault;
  throw new SignetError("identity_unavailable", {
    publicMessage: "A worker ended while it was asked: it may not be done",
    remedy: "It is being started again: the log says why. Ask again.",
    retryAfterS: 1,
    cause: fault,
  });
}

/**
 * A worker that has no such session says so; where none has it, that is the answer. One that ends meanwhile holds none, and
 * the next one in its place asks about each.
 */
async function revokeIn(asked: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const ended = new Set<string>();
  let absent: unknown;
  let gone: unknown;
  let fault: unknown;
  let present = false;
  for (const outcome of await Promise.allSettled(asked)) {
    if (outcome.status === "fulfilled") {
      present = true;
      for (const hash of outcome.value as readonly string[]) ended.add(hash);
    } else if (outcome.reason instanceof SignetError && outcome.reason.code === "session_not_found") {
      absent = outcome.reason;
    } else if (outcome.reason instanceof EndGone) gone = outcome.reason;
    else fault ??= outcome.reason;
  }
  if (fault !== undefined) throw fault;
  if (!present) rethrow(gone ?? absent);
  return [...ended];
}

/** A session that several have in memory is one. */
function pageOf(pages: readonly SessionPage[], { limit, offset = 0 }: SessionQuery): SessionPage {
  const sessions = new Map<string, SessionView>();
  let unseen = 0;
  for (const page of pages) {
    unseen += page.total - page.sessions.length;
    for (const session of page.sessions) {
      const known = sessions.get(session.hash);
      sessions.set(session.hash, known === undefined ? session : mergeSession(known, session));
    }
  }
  const merged = [...sessions.values()];
  return { sessions: merged.slice(offset, offset + limit), total: merged.length + unseen };
}

function mergeSession(one: SessionView, other: SessionView): SessionView {
  return {
    ...one,
    lastActiveMs: Math.max(one.lastActiveMs, other.lastActiveMs),
    inFlight: one.inFlight + other.inFlight,
    streams: one.streams + other.streams,
  };
}

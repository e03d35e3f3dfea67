// Opens a session at an HTTP server: a client's initialize, read as far as it takes to know the revision and the id, and,
// where it is one in place of another, what that one had been told (docs/protocol.md 1, 11; docs/behaviour.md L4).
import type { Message } from "../../bridge/peer/peer.ts";
import { SignetError } from "../../errors.ts";
import { type Fields, HttpError } from "../../http1/types.ts";
import { isRevisionText } from "../../mcp/eras/revisions.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { isJsonObject } from "../../platform/json.ts";
import { settlesWithin } from "../../platform/time/timers.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../../session/lost_session.ts";
import { readUpstreamId, upstreamIdOf } from "../http/session_id_field.ts";
import type { Asking, HttpPeer } from "./http_peer.ts";
import type { Opened, Track, Waiter } from "./http_peer_call.ts";
import { asRefusal, badAnswer } from "./http_peer_fault.ts";
import type { HttpPeerParts } from "./http_peer_parts.ts";
import type { PeerWire } from "./http_peer_wire.ts";
import { type Greeted, NO_SESSION, type PeerSession } from "./peer_session.ts";

export interface GreetingOptions {
  readonly parts: HttpPeerParts;
  readonly wire: PeerWire;
  readonly peer: HttpPeer;
}

/** What a new session is told besides the handshake is waited for so long, in ms. */
const RETELL_MS = 10_000;
const RETOLD_AT_ONCE = 8;

export class HttpPeerGreeting {
  readonly #options: GreetingOptions;
  /** Sessions that nobody wants, until they have ended. */
  readonly #ending = new Set<Promise<unknown>>();
  #status: number | undefined;

  constructor(options: GreetingOptions) {
    this.#options = options;
  }

  /** @throws SignetError */
  async greet(text: Uint8Array, fields: Fields): Promise<Greeted> {
    let opened = NO_SESSION;
    this.#status = undefined;
    try {
      const reply = await this.#ask(text, fields, async (body, track) => {
        const greeting = await this.#open(body, fields, track);
        opened = greeting.session;
        return greeting;
      });
      return { reply, session: sessionIn(reply, opened) };
    } catch (error) {
      if (opened.id !== undefined) this.#holdUntilEnded(this.#options.wire.endSession(opened, fields));
      throw error;
    }
  }

  /** Of the answer to the last greeting; undefined if there was none. */
  get status(): number | undefined {
    return this.#status;
  }

  /** Settles when nothing is left of sessions that were opened for nobody. */
  get idle(): Promise<unknown> {
    return Promise.all(this.#ending);
  }

  /** Ends one that nobody is to use any more. Nobody waits for it but who stops the peer. @param idle what it waits for */
  giveBack(session: PeerSession, fields: Fields, idle: Promise<unknown> = Promise.resolve()): void {
    const { wire, parts: { log, upstream } } = this.#options;
    const ending = idle.then(() => wire.endSession(session, fields)).then((failure) => {
      if (failure === undefined) return;
      log.debug("MCP server could not be told that a session ends", { upstream: upstream.name, failure });
    });
    this.#holdUntilEnded(ending);
  }

  #holdUntilEnded(ending: Promise<unknown>): void {
    const held: Promise<unknown> = ending.finally(() => this.#ending.delete(held));
    this.#ending.add(held);
  }

  /** Tells a new session what was told to the one before. What it refuses now it will refuse to whoever asks. */
  async retell(told: Iterable<Uint8Array>, session: PeerSession, fields: Fields): Promise<void> {
    const { wire, parts: { timers } } = this.#options;
    const texts = told[Symbol.iterator]();
    const open = async (body: Uint8Array, track: Track): Promise<Opened> => {
      const response = await track(() => wire.post(body, { session, fields }));
      if (!(response instanceof LostSession)) return { session, response };
      response.release();
      throw badAnswer("a session lost at once");
    };
    const tell = async () => {
      for (let next = texts.next(); !next.done; next = texts.next()) {
        await this.#ask(next.value, fields, open).catch(tellIfOwn);
      }
    };
    await settlesWithin(Promise.all(Array.from({ length: RETOLD_AT_ONCE }, tell)), RETELL_MS, timers);
  }

  /** @throws SignetError `upstream_timeout`, `request_limit`; as the call */
  #ask(text: Uint8Array, fields: Fields, open: Asking["open"]): Promise<Message> {
    const { peer, parts: { timers, limits: { startTimeoutMs: afterMs } } } = this.#options;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        onReply: (reply) => {
          stop();
          resolve(reply);
          return undefined;
        },
        onFault: (error) => {
          stop();
          reject(error);
        },
      };
      const id = findMember(text, "id")!;
      const asked = peer.call(text, { id, fields, open, waiter, isAwaited: true });
      const stop = timers.after(afterMs, () => {
        if (asked !== undefined) peer.forget(asked);
        reject(new SignetError("upstream_timeout", { facts: { attempted: "open a session", afterMs } }));
      });
      if (asked === undefined) waiter.onFault(new SignetError("request_limit"));
    });
  }

  /** Given up it fails at once; but what the server may open all the same is ended, if it says so soon. */
  #patiently(call: SessionCall, fields: Fields): SessionCall {
    const { promise: response, resolve, reject } = Promise.withResolvers<SessionAnswer>();
    const { wire, parts: { timers, limits } } = this.#options;
    let state: "asked" | "answered" | "given up" = "asked";
    const done = call.response.then(async (answer) => {
      if (state === "asked") {
        state = "answered";
        return resolve(answer);
      }
      answer.release();
      const id = answer instanceof LostSession ? undefined : upstreamIdOf(answer);
      if (id !== undefined) await wire.endSession({ id, version: "" }, fields);
    }).catch(reject);
    const abort = () => {
      if (state === "answered") return call.abort();
      if (state === "given up") return;
      state = "given up";
      reject(givenUp());
      const stop = timers.after(limits.endTimeoutMs, () => call.abort());
      this.#holdUntilEnded(done.finally(stop));
    };
    return { response, abort };
  }

  async #open(body: Uint8Array, fields: Fields, track: Track): Promise<Opened> {
    const { wire } = this.#options;
    const response = await track(() => this.#patiently(wire.post(body, { session: NO_SESSION, fields }), fields));
    if (response instanceof LostSession) throw badAnswer("a lost session where there was none");
    this.#status = response.head.status;
    if (response.head.status >= 300) return { session: NO_SESSION, response };
    try {
      return { session: { id: readUpstreamId(response), version: "" }, response };
    } catch (error) {
      response.release();
      throw error;
    }
  }
}

function givenUp(): HttpError {
  return new HttpError("aborted", "opening a session: given up");
}

/** @throws SignetError `upstream_invalid` for a handshake that is none */
function sessionIn({ value: { result } }: Message, { id }: PeerSession): PeerSession | undefined {
  if (!isJsonObject(result)) return undefined;
  const { protocolVersion: version, capabilities } = result;
  if (typeof version === "string" && isRevisionText(version) && isJsonObject(capabilities)) return { id, version };
  throw badAnswer("a handshake without protocolVersion and capabilities");
}

/** Of servers that do not know the path, or the method. */
const UNKNOWN_HERE: ReadonlySet<unknown> = new Set([404, 405, 410, 501]);

/** What a greeting is refused for: no MCP server at all, where the path is most likely wrong. */
export function asNoServer(error: unknown): SignetError {
  const refusal = asRefusal(error);
  const { facts } = refusal.detail;
  if (facts === undefined || !UNKNOWN_HERE.has(facts.status)) return refusal;
  return new SignetError("upstream_not_mcp", {
    facts,
    remedy: "Correct the path of this server's URL: most MCP servers answer at /mcp.",
  });
}

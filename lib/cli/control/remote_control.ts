// A running Signet's operators' API (`lib/admin/control_api.ts`) as a `Control`. What it answers is data: checked where it
// is relied on, and shown without anything that could drive a terminal.
import type { AdminToken } from "../../admin/admin_token.ts";
import type {
  Control,
  IssuedTokenView,
  RevocationRequest,
  RevocationResult,
  SessionPage,
  SessionQuery,
  TokenQuery,
  TokenVerdictView,
  TokenView,
} from "../../admin/control.ts";
import type { StateAnswer } from "../../admin/state_view.ts";
import type { ConfigProblem } from "../../errors.ts";
import { parseJson, parseObject } from "../../platform/json.ts";
import { CommandFailure, EXIT, type Machine } from "../command.ts";
import { printable } from "../screen/text.ts";
import { unanswered } from "./admin_target.ts";
import { EXAMPLE, isLike } from "./answer_shapes.ts";
import { exitCodeOf } from "./failures.ts";

/** A Signet that is busy answers late; one that hangs does not answer. */
const TIMEOUT_MS = 10_000;
/** What may be done on a state file as well: see state_control.ts. */
const ON_STATE_TOO = /^\/(?:tokens|sessions\/revoke)\b/;

/** What no answer holds: where events are wanted, any other is none. */
const NO_EVENTS = { " ": "" };

export interface RemoteOptions {
  /** Without a path. */
  readonly base: string;
  readonly token: AdminToken | undefined;
  readonly fetch: Machine["fetch"];
}

interface Question {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** POSTs it. */
  readonly body?: unknown;
  /** For an answer that does not end by itself; default: it has to come within {@link TIMEOUT_MS}. */
  readonly signal?: AbortSignal;
}

interface Call extends Question {
  /** What a good answer holds at least. */
  readonly wants: object;
  /** Another that is as good. */
  readonly or?: object;
}

export class RemoteControl implements Control {
  readonly #options: RemoteOptions;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  issueToken(request: { readonly agent: string; readonly ttlMs: number }): Promise<IssuedTokenView> {
    return this.#call({ path: "/tokens", wants: EXAMPLE.issued, body: request });
  }

  verifyToken(request: { readonly token: string; readonly agent?: string }): Promise<TokenVerdictView> {
    return this.#call({ path: "/tokens/verify", wants: EXAMPLE.holds, or: EXAMPLE.fails, body: request });
  }

  async revokeToken(request: { readonly sid: string } | { readonly token: string }): Promise<boolean> {
    const { revoked } = await this.#call<{ revoked: number }>({
      path: "/tokens/revoke",
      wants: EXAMPLE.revoked,
      body: request,
    });
    return revoked > 0;
  }

  async revokeAgent(agent: string): Promise<number> {
    const { revoked } = await this.#call<{ revoked: number }>({
      path: "/tokens/revoke",
      wants: EXAMPLE.revoked,
      body: { agent },
    });
    return revoked;
  }

  async listTokens({ agent, afterSid, limit }: TokenQuery): Promise<readonly TokenView[]> {
    const query = { agent, after: afterSid, limit };
    return (await this.#call<{ tokens: readonly TokenView[] }>({ path: "/tokens", wants: EXAMPLE.tokens, query }))
      .tokens;
  }

  listSessions({ limit, offset, find }: SessionQuery): Promise<SessionPage> {
    return this.#call({ path: "/sessions", wants: EXAMPLE.sessions, query: { limit, offset, find } });
  }

  /** At a glance; what may be seen without a token where none is given. */
  state(): Promise<StateAnswer> {
    return this.#call({ path: "/state", wants: EXAMPLE.state });
  }

  revoke(request: RevocationRequest): Promise<RevocationResult> {
    return this.#call({ path: "/sessions/revoke", wants: EXAMPLE.ended, body: request });
  }

  /** What happens in one session from now on, until it ends or `signal` says so. */
  async tap(hash: string, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const response = await this.#send({ path: "/sessions/tap", query: { hash }, signal });
    const told = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (response.status !== 200 || response.body === null || !told) {
      return await this.#read(response, { wants: NO_EVENTS });
    }
    return eventsIn(response.body);
  }

  /** Begins to end; how long open calls may take, in ms. */
  async stop(): Promise<number> {
    const asked = { path: "/stop", wants: EXAMPLE.stopping, body: {} };
    return (await this.#call<{ drainTimeoutMs: number }>(asked)).drainTimeoutMs;
  }

  /** What it logs from now on, or now. @param level undefined: only asks */
  async logLevel(level: string | undefined): Promise<string> {
    const body = level === undefined ? {} : { body: { level } };
    const asked = { path: "/log-level", wants: EXAMPLE.level, ...body };
    return printable((await this.#call<{ level: string }>(asked)).level);
  }

  /** Whether anybody still answers. */
  async isThere(): Promise<boolean> {
    const { base, fetch } = this.#options;
    try {
      const response = await fetch(`${base}/healthz`, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
      await response.body?.cancel();
      return true;
    } catch {
      return false;
    }
  }

  /** Keys and configuration again; what is wrong with them, if they were refused, or what waits for a restart. */
  async reload(): Promise<{ readonly problems: readonly ConfigProblem[]; readonly restart: readonly string[] }> {
    const response = await this.#send({ path: "/reload", body: {} });
    if (response.status !== 409) {
      const { restart } = await this.#read<{ restart: readonly string[] }>(response, { wants: EXAMPLE.reloaded });
      return { problems: [], restart: restart.map(printable) };
    }
    const error = parseObject(await response.text().catch(() => ""))?.["error"] as Record<string, unknown> | undefined;
    const listed = Array.isArray(error?.["problems"]) ? error["problems"] as Record<string, unknown>[] : [];
    if (listed.length === 0) {
      throw new CommandFailure(EXIT.failedCheck, printable(error?.["message"]), printable(error?.["remedy"]));
    }
    const problems = listed.map(({ place, problem, remedy }) => ({
      place: printable(place),
      problem: printable(problem),
      remedy: printable(remedy),
    }));
    return { problems, restart: [] };
  }

  async #call<T>(call: Call): Promise<T> {
    return await this.#read(await this.#send(call), call);
  }

  /** @throws CommandFailure for whatever is no success */
  async #read<T>(response: Response, { wants, or = wants }: Pick<Call, "wants" | "or">): Promise<T> {
    const { base } = this.#options;
    const answer = parseObject(await response.text().catch(() => ""));
    const isGood = response.status >= 200 && response.status < 300 && (isLike(answer, wants) || isLike(answer, or));
    if (isGood) return answer as T;
    const error = answer?.["error"] as { code?: unknown; message?: unknown; remedy?: unknown } | undefined;
    // An MCP endpoint has a number there.
    const isMcp = typeof error?.code === "number";
    if (isMcp || typeof error?.message !== "string") throw this.#notSignet(response.status);
    const remedy = typeof error.remedy === "string" ? printable(error.remedy) : `See the log of the Signet at ${base}`;
    throw new CommandFailure(exitCodeOf(response.status), printable(error.message), remedy);
  }

  async #send({ path, query = {}, body, signal = AbortSignal.timeout(TIMEOUT_MS) }: Question): Promise<Response> {
    const { base, token, fetch } = this.#options;
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, `${value}`);
    }
    try {
      return await fetch(url.href, {
        // A redirect would take the admin token elsewhere.
        redirect: "manual",
        signal,
        headers: {
          ...(token === undefined ? {} : { authorization: token.authorization() }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      });
    } catch (fault) {
      throw new CommandFailure(
        EXIT.unreachable,
        `asking ${base}: ${unanswered(fault, TIMEOUT_MS)}`,
        ON_STATE_TOO.test(path)
          ? "Start `signet serve`, set --admin to the address it was given, or name its state file with --state."
          : "Start `signet serve`, or set --admin to the address it was given.",
      );
    }
  }

  #notSignet(status: number): CommandFailure {
    return new CommandFailure(
      EXIT.unreachable,
      `asking ${this.#options.base}: this is no operators' API of Signet (status ${status})`,
      "Set --admin to the admin listener of a Signet of this version; where it listens for clients is another address.",
    );
  }
}

/** The data of each event, which is JSON, until the stream ends, however it does. */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncIterable<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of body) {
      text += decoder.decode(piece, { stream: true });
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) {
        const [, data] = /^data: (.*)$/m.exec(event) ?? [];
        if (data !== undefined && !event.startsWith("event:")) yield parseJson(data);
      }
    }
  } catch {
    // Cut, by the other side or by our own: what it means is for whoever listens.
  }
}

// Asking an endpoint that decides about identities: bounded in time and in size, no redirects followed, and whatever goes
// wrong is one error, `identity_unavailable`, because nothing was proven (fail closed).
import { SignetError } from "../../errors.ts";
import { namesMemberTwice } from "../../mcp/json/json_text.ts";
import { redactUrl } from "../../observe/redact.ts";
import { parseJson } from "../../platform/json.ts";
import { isThisMachine } from "../this_machine.ts";
import { AnswerFault, type Fetch, fetchWhole } from "../whole_answer.ts";

export interface EndpointOptions {
  readonly fetch: Fetch;
  /** For the whole exchange, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** Longest answer read, in bytes. Default 65,536. */
  readonly maxResponseBytes?: number;
}

/** How long an endpoint that cannot be reached, or says that it has too much to do, is left alone; clients hear the same. */
const QUIET_S = 1;
const BUSY: ReadonlySet<number> = new Set([429, 503]);

/** What the operator is told; bounded set of texts, none from the other side. */
export class EndpointFault extends Error {
  override readonly name = "EndpointFault";
}

export class Endpoint {
  readonly url: string;
  readonly #options: EndpointOptions;
  readonly #timeoutMs: number;
  readonly #maxResponseBytes: number;
  /** In a row: one alone may be a connection that died while idle. */
  #failures = 0;
  #quietUntilMs = -Infinity;

  constructor(url: string, options: EndpointOptions) {
    this.url = url;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#maxResponseBytes = options.maxResponseBytes ?? 65_536;
  }

  /**
   * The response with its body read to the end. An endpoint that is down is not asked once for every request: answers
   * that would be remembered are not to be had then, so the load would be many times the usual one.
   * A time-out or another fault may be about one credential and keeps nobody else from asking.
   * @throws EndpointFault
   */
  async send(init: RequestInit, nowMs: number): Promise<Response> {
    const quietMs = this.#quietUntilMs - nowMs;
    // A clock that was set back must not prolong it.
    if (quietMs > 0 && quietMs <= QUIET_S * 1000) throw new EndpointFault("it failed a moment ago and is left alone");
    try {
      return await fetchWhole(this.#options.fetch, { url: this.url, init }, {
        timeoutMs: this.#timeoutMs,
        maxBytes: this.#maxResponseBytes,
        onStatus: (status) => {
          if (BUSY.has(status)) this.#noteFailure(nowMs);
          else this.#failures = 0;
        },
      });
    } catch (cause) {
      if (cause instanceof AnswerFault && cause.kind === "broken") this.#noteFailure(nowMs);
      throw new EndpointFault(this.#problemOf(cause), { cause });
    }
  }

  #problemOf(fault: unknown): string {
    switch (fault instanceof AnswerFault ? fault.kind : "broken") {
      case "late":
        return `no answer within ${this.#timeoutMs} ms`;
      case "coded":
        return "its answer is compressed, which was not asked for";
      case "long":
        return `its answer is longer than ${this.#maxResponseBytes} bytes`;
      case "broken":
        return "it cannot be reached";
    }
  }

  /** Turns whatever went wrong into the one error. */
  unavailable(fault: unknown, remedy: string): SignetError {
    const problem = fault instanceof EndpointFault ? fault.message : "its answer is not valid";
    return new SignetError("identity_unavailable", {
      retryAfterS: QUIET_S,
      facts: { endpoint: redactUrl(this.url), problem },
      remedy,
      cause: fault,
    });
  }

  #noteFailure(nowMs: number): void {
    if (++this.#failures >= 2) this.#quietUntilMs = nowMs + QUIET_S * 1000;
  }
}

/**
 * The JSON of an answer. @throws EndpointFault where it says two things of one, and another reader might take the other; or
 * where it is no UTF-8, and two names would be one
 */
export async function readJsonOnce(answer: Response): Promise<unknown> {
  const text = inUtf8(await answer.bytes());
  const value: unknown = parseJson(text);
  if (namesMemberTwice(text)) throw new EndpointFault("its answer names a member twice");
  return value;
}

function inUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new EndpointFault("its answer is not in UTF-8");
  }
}

export interface EndpointRules {
  /** For the message: `introspection endpoint`. */
  readonly what: string;
  /** Plain http is allowed: nowhere, on loopback, or anywhere because the operator said so. */
  readonly http: "never" | "loopback" | "unsafe";
}

/** @throws RangeError for a URL that identities must not depend on; says which, and what is wanted */
export function checkEndpoint(text: string, rules: EndpointRules): string {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new RangeError(`using the ${rules.what}: found no URL of https, want one`);
  }
  const plainAllowed = rules.http === "unsafe" || (rules.http === "loopback" && isThisMachine(url.hostname));
  if (url.protocol === "http:" && !plainAllowed) {
    throw new RangeError(
      `using the ${rules.what}: found plain http, want https: whoever is on the way could answer for it`,
    );
  }
  if (text.includes("#") || url.username !== "" || url.password !== "") {
    throw new RangeError(`using the ${rules.what}: found a fragment or user info, want a URL without`);
  }
  return url.href;
}

// An upstream that gets Signet's own credential in header fields: whatever the client sent under these names stays here
// (docs/protocol.md 21). Renewed ahead of its end by the same rotation as all others.
import type { OwnedSince } from "../../bridge/request.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import { callOf } from "../../http1/call_of.ts";
import { HttpError } from "../../http1/types.ts";
import { isSameName } from "../../http1/wire/fields/field_spelling.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../../session/lost_session.ts";
import { otherwise, type Upstream, type UpstreamRequest } from "../upstream.ts";
import { type Credential, CredentialRejectedError, type CredentialSource } from "./credential.ts";
import type { CredentialHolder } from "./rotation.ts";

/** The request with the named fields replaced, whatever their spelling. */
function withFields(request: UpstreamRequest, { values }: Credential): UpstreamRequest {
  const fields = request.fields.slice();
  for (const [name, value] of Object.entries(values)) {
    const lower = name.toLowerCase();
    for (let i = fields.length - 2; i >= 0; i -= 2) if (isSameName(fields[i]!, lower)) fields.splice(i, 2);
    fields.push(lower, value);
  }
  return otherwise(request, { fields });
}

function explain(cause: unknown): unknown {
  const final = cause instanceof CredentialRejectedError;
  return new SignetError("upstream_unreachable", {
    publicMessage: "Bad gateway: there is no valid credential for the MCP server",
    facts: { attempted: "obtain the upstream's credential", final },
    remedy: final ? "Give Signet a new credential for the upstream." : "See whether whoever issues it can be reached.",
    cause,
  });
}

/** Where it stands in the place of the client's. */
function isInPlaceOfClients({ values }: Credential): boolean {
  return Object.keys(values).some((name) => isSameName(name.toLowerCase(), "authorization"));
}

/**
 * The answer, unless it refuses a credential that no client can answer for: challenged, one would log in again and again,
 * or where the server says (docs/protocol.md 22). @throws SignetError `upstream_credential_missing`
 */
function taken(answer: SessionAnswer): SessionAnswer {
  if (answer instanceof LostSession) return answer;
  const { status, fields } = answer.head;
  if (status !== 401 && (status !== 403 || fieldValue(fields, "www-authenticate") === undefined)) return answer;
  answer.release();
  throw new SignetError("upstream_credential_missing", {
    publicMessage: `Forbidden: the MCP server does not accept Signet's credential (status ${status})`,
    facts: { status },
    remedy: "Give Signet a credential that this server accepts (--credential).",
  });
}

export class CredentialedUpstream implements Upstream, CredentialHolder {
  readonly source: CredentialSource;
  readonly #inner: Upstream;

  constructor(inner: Upstream, source: CredentialSource) {
    this.#inner = inner;
    this.source = source;
  }

  get name(): string {
    return this.#inner.name;
  }

  get url(): string {
    return this.#inner.url;
  }

  get isLocal(): boolean {
    return this.#inner.isLocal;
  }

  get idLength(): number {
    return this.#inner.idLength;
  }

  get initializeTimeoutMs(): number {
    return this.#inner.initializeTimeoutMs;
  }

  get credential(): Credential | undefined {
    return this.source.peek();
  }

  readonly facts = () => ({ upstream: this.name });

  /** The next request takes it. */
  apply(): Promise<void> {
    return Promise.resolve();
  }

  /** Requests are refused from now on, until there is one again: the sessions are not this upstream's to end. */
  end(): void {}

  send(request: UpstreamRequest): SessionCall {
    const credential = this.source.peek();
    if (credential === undefined) return this.#sendLater(request);
    return this.#sendWith(request, credential);
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }

  endStateless(which: OwnedSince): void {
    this.#inner.endStateless(which);
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    this.#inner.release(upstreamSessionId);
  }

  get onEnded(): ((upstreamSessionId: UpstreamSessionId) => void) | undefined {
    return this.#inner.onEnded;
  }

  set onEnded(hear: ((upstreamSessionId: UpstreamSessionId) => void) | undefined) {
    this.#inner.onEnded = hear;
  }

  #sendWith(request: UpstreamRequest, credential: Credential): SessionCall {
    const call = this.#inner.send(withFields(request, credential));
    if (!isInPlaceOfClients(credential)) return call;
    return callOf(call.response.then(taken), () => call.abort());
  }

  #sendLater(request: UpstreamRequest): SessionCall {
    let call: SessionCall | undefined;
    let aborted = false;
    const send = (credential: Credential): Promise<SessionAnswer> => {
      if (aborted) throw new HttpError("aborted", "obtaining a credential: the request was aborted", { unsent: true });
      call = this.#sendWith(request, credential);
      return call.response;
    };
    const response = this.source.current().catch((error) => {
      throw explain(error);
    }).then(send);
    return callOf(response, () => {
      aborted = true;
      call?.abort();
    });
  }
}

// Asks a server which eras it speaks: `server/discover` (MCP 2026-07-28, "Discovery"), which runs nothing. Bounded in time
// and bytes. What says nothing about eras, a credential that is refused or a server that is busy, is no verdict.
import type { ClientResponse, Fields } from "../http1/types.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import { isEventStream } from "../http1/wire/fields/media_type.ts";
import { ownBytes } from "../http1/wire/streams/borrowed.ts";
import { envelopeOf, speaksModern } from "../mcp/eras/for_stateless_server.ts";
import { MODERN_REVISIONS } from "../mcp/eras/revisions.ts";
import { SseParser } from "../mcp/events/sse.ts";
import { encodeJson } from "../mcp/json/json_bytes.ts";
import { tellIfOwn } from "../platform/faults/uncaught.ts";
import { isJsonObject, parseObject } from "../platform/json.ts";
import type { Timers } from "../platform/time/timers.ts";
import { LostSession } from "../session/lost_session.ts";
import { decoded } from "./http/decoded.ts";
import { peerFields } from "./peer_fields.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const ID = "signet-era";
/** Of these the next time may be better: they are about the caller, or the moment. */
const NO_VERDICT: ReadonlySet<number> = new Set([401, 403, 407, 408, 409, 423, 425, 429]);

const CLIENT = { clientInfo: { name: "signet", version: "1" }, capabilities: {} };
const PROBE = encodeJson({
  jsonrpc: "2.0",
  id: ID,
  method: "server/discover",
  params: { _meta: envelopeOf(CLIENT) },
});

/** With whose credential, and where. */
export type Probing = Pick<UpstreamRequest, "caller" | "query"> & { readonly fields: Fields };

/** Of what its caller says of himself, what a server asks for before it listens. */
const CREDENTIAL = "authorization";

/** Whether the server speaks a stateless revision; undefined if that was not learnt. Never rejects. */
export async function probeEra(upstream: Upstream, probing: Probing, timers: Timers): Promise<boolean | undefined> {
  const found = await ask(upstream, probing, timers);
  if (found !== "refused") return found;
  // Whoever asks first must not decide for all by an odd field of his: what is refused is asked again without any.
  const credential = fieldValue(probing.fields, CREDENTIAL);
  const fields = credential === undefined ? [] : [CREDENTIAL, credential];
  return await ask(upstream, { caller: probing.caller, query: "", fields }, timers) === true;
}

async function ask(upstream: Upstream, probing: Probing, timers: Timers): Promise<boolean | "refused" | undefined> {
  const { caller, query, fields } = probing;
  const call = upstream.send({
    method: "POST",
    query,
    fields: [
      ...["content-type", "application/json", "accept", "application/json, text/event-stream"],
      ...["accept-encoding", "identity", "mcp-protocol-version", MODERN_REVISIONS.at(-1)!],
      ...["mcp-method", "server/discover", ...peerFields(fields)],
    ],
    upstreamSessionId: undefined,
    body: PROBE,
    caller,
    session: undefined,
  });
  const stop = timers.after(TIMEOUT_MS, () => call.abort());
  let response: ClientResponse | undefined;
  try {
    const answer = await call.response;
    if (answer instanceof LostSession) return void answer.release();
    response = decoded(answer);
    const { status } = response.head;
    if (status >= 500 || NO_VERDICT.has(status)) return undefined;
    if (status >= 300) return "refused";
    return verdictOf(await answerIn(response));
  } catch (fault) {
    return void tellIfOwn(fault);
  } finally {
    stop();
    response?.release();
  }
}

function verdictOf(message: unknown): boolean | undefined {
  if (!isJsonObject(message)) return undefined;
  if (speaksModern(message.result)) return true;
  return isJsonObject(message.result) || isJsonObject(message.error) ? false : undefined;
}

/** The response, as JSON or as an event; the stream may stay open behind it. */
async function answerIn({ head, body }: ClientResponse): Promise<unknown> {
  if (!isEventStream(head.fields)) return parseObject(new TextDecoder().decode(await body.readAll(MAX_ANSWER_BYTES)));
  const parser = new SseParser({ maxEventBytes: MAX_ANSWER_BYTES });
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    for (const { data } of parser.push(ownBytes(piece))) {
      const message = data === undefined ? undefined : parseObject(data);
      if (isJsonObject(message) && (message.result !== undefined || message.error !== undefined)) return message;
    }
  }
  return undefined;
}

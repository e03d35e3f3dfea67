// Between the engine's exchanges and the Request and Response of the Fetch API, for a listener that is never hot.
import { CHUNKED, type Exchange, type FieldList, type ResponseStart } from "../http1/types.ts";
import { formatAuthority } from "../http1/wire/authority.ts";
import { isEventStream } from "../http1/wire/fields/media_type.ts";

/** A request with its body read. @throws HttpError `body_too_large`; TypeError if no Request can be made of it */
export async function webRequest(exchange: Exchange, maxBytes: number): Promise<Request> {
  const { method, host, target, fields } = exchange.head;
  const headers = new Headers();
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i]!, fields[i + 1]!);
  const authority = host === "" ? formatAuthority("127.0.0.1", 0) : host;
  const bodiless = method === "GET" || method === "HEAD";
  const body = bodiless ? undefined : new Uint8Array(await exchange.body.readAll(maxBytes));
  return new Request(`http://${authority}${target}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** Sends a response: whole, or an event stream as its events come. */
export async function respondWith(exchange: Exchange, response: Response): Promise<void> {
  const fields: FieldList = [];
  for (const [name, value] of response.headers) fields.push(name, value);
  const start: ResponseStart = { status: response.status, fields };
  if (isEventStream(fields) && response.body !== null) return await stream(exchange, start, response.body);
  await exchange.respond(start, new Uint8Array(await response.arrayBuffer()));
}

async function stream(exchange: Exchange, start: ResponseStart, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  exchange.watcher = { onClientGone: () => void reader.cancel().catch(() => {}) };
  if (exchange.aborted || exchange.head.method === "HEAD") await reader.cancel();
  const writer = await exchange.begin(start, CHUNKED);
  for (let read = await reader.read(); !read.done; read = await reader.read()) await writer.write(read.value);
  await writer.end();
}

// Between the conformance suite and Signet before several servers: the suite's fixed names become those of one member and
// are turned back in answers, so that everything but the names is what is compared. It changes nothing else.

/** How the member is called. */
export const MEMBER = "main";
const PREFIX = `${MEMBER}_`;
const SCHEME = "test://";

type Json = Record<string, unknown>;

export interface Renaming extends AsyncDisposable {
  readonly url: string;
}

/** @param target the endpoint of Signet */
export function renameBefore(target: string): Renaming {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => pass(request, target));
  const own = `127.0.0.1:${server.addr.port}`;
  return { url: `http://${own}${new URL(target).pathname}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function pass(request: Request, target: string): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.delete("content-length");
  const name = headers.get("mcp-name");
  if (name !== null) headers.set("mcp-name", name.startsWith(SCHEME) ? addressed(name) : PREFIX + name);
  // Another host than the one the suite was sent to is what a scenario is about: it goes on as it is.
  const { host } = new URL(request.url);
  const asked = headers.get("host");
  if (asked === null || (asked === host && isLoopback(host))) headers.delete("host");
  const body = request.method === "POST" ? inward(await request.text()) : undefined;
  const response = await fetch(target, {
    method: request.method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
  });
  const answered = new Headers(response.headers);
  answered.delete("content-length");
  const { status } = response;
  return new Response(response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(outward()) ?? null, {
    status,
    headers: answered,
  });
}

const isLoopback = (host: string) => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);

function inward(text: string): string {
  let message: Json;
  try {
    message = JSON.parse(text);
  } catch {
    return text;
  }
  const { method, params } = message as { method?: string; params?: Json };
  if (params === undefined) return text;
  if (method === "tools/call" || method === "prompts/get") params.name = named(params.name);
  if (typeof params.uri === "string") params.uri = addressed(params.uri);
  const ref = params.ref as Json | undefined;
  if (ref?.type === "ref/prompt") ref.name = named(ref.name);
  if (ref?.type === "ref/resource") ref.uri = addressed(String(ref.uri));
  return JSON.stringify(message);
}

const named = (name: unknown) => typeof name === "string" ? PREFIX + name : name;
const addressed = (uri: string) => uri.startsWith(SCHEME) ? `${MEMBER}+${uri}` : uri;

/** By lines: a name may come in two pieces, and never over a line's end. */
function outward(): TransformStream<string, Uint8Array> {
  const encoder = new TextEncoder();
  const turned = (text: string) =>
    encoder.encode(text.replaceAll(`"${PREFIX}`, '"').replaceAll(`${MEMBER}+${SCHEME}`, SCHEME));
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const whole = rest + text;
      const end = whole.lastIndexOf("\n") + 1;
      rest = whole.slice(end);
      if (end > 0) controller.enqueue(turned(whole.slice(0, end)));
    },
    flush: (controller) => controller.enqueue(turned(rest)),
  });
}

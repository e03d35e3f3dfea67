// Signet as an OAuth 2.0 resource server. Its own URL, which is the resource, is known only once it listens: it starts as
// another resource and is told its name by a reload, as an operator would.
import type { FakeMcp } from "./fake_mcp.ts";
import type { AuthorizationServer } from "./oauth_server.ts";
import { type SignetOptions, TestSignet } from "./signet.ts";
import { until } from "./until.ts";

export interface ResourceOptions extends Omit<SignetOptions, "flags"> {
  readonly server: AuthorizationServer;
  /** Besides those that name the authorization server. */
  readonly flags?: readonly string[];
}

const NAMELESS = "https://not-known-yet.example/mcp";

/** A running Signet that takes tokens of `server`. */
export async function startResource({ server, flags = [], ...options }: ResourceOptions): Promise<TestSignet> {
  const nameless = await server.flags(NAMELESS);
  const signet = await TestSignet.start({ ...options, flags: nameless });
  try {
    signet.flags = signet.flags.slice(0, -nameless.length);
    await addFlags(signet, [...await server.flags(signet.url), ...flags]);
    return signet;
  } catch (fault) {
    await signet[Symbol.asyncDispose]();
    throw fault;
  }
}

/** As an operator who edits the configuration and sends SIGHUP. */
export async function addFlags(signet: TestSignet, flags: readonly string[]): Promise<void> {
  signet.flags = [...signet.flags, ...flags];
  await signet.app.reload();
}

/** A tool `where` that says in which session of the upstream it ran. */
export function tellWhere(upstream: FakeMcp): FakeMcp {
  return upstream.tool("where", ({ request }) => ({ content: [{ type: "text", text: request.sessionId }] }));
}

/** Both clients open a listening stream as soon as they are connected: awaited, lest it gets between what a test does. */
export async function streamOpened(upstream: FakeMcp): Promise<void> {
  await until(() => upstream.streams.size > 0, "the client listens");
}

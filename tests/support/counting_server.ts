// A server with sessions that counts in each of them by itself: whose state somebody meets shows in the number.
import assert from "node:assert/strict";
import { FakeMcp } from "./fake_mcp.ts";
import type { TestSignet } from "./signet.ts";
import { answered, ask, type StatelessAsk } from "./stateless.ts";

export class CountingServer extends FakeMcp {
  constructor() {
    super({ sessionsOnly: true });
    const counts = new Map<string | null, number>();
    this.tool("count", ({ request: { sessionId } }) => {
      const count = (counts.get(sessionId) ?? 0) + 1;
      counts.set(sessionId, count);
      return { content: [], structuredContent: { count } };
    });
  }
}

/** Its number after one more call of a stateless client. @param name of its tool, where it is one of several servers */
export async function count(signet: TestSignet, of: StatelessAsk = {}, name = "count"): Promise<number> {
  const { result, status, text } = await answered(ask(signet, "tools/call", { name, arguments: {} }, of));
  assert.deepEqual([status, result?.resultType], [200, "complete"], text);
  return result.structuredContent.count;
}

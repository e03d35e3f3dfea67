// Whatever happens to a session's peers and clients, in whatever order: each call ends once, with one answer or one
// refusal, and nothing of it is held afterwards (docs/behaviour.md B9, C1, C2, M6).
import fc from "fast-check";
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../lib/bridge/limits.ts";
import { BridgeServer } from "../../lib/bridge/server.ts";
import type { UpstreamSessionId } from "../../lib/envelope/session_id.ts";
import { SignetError } from "../../lib/errors.ts";
import { ByteAccount } from "../../lib/http1/byte_account.ts";
import type { ClientResponse } from "../../lib/http1/types.ts";
import type { SessionCall } from "../../lib/session/lost_session.ts";
import { callerKeys } from "../support/callers.ts";
import { FakePeers } from "../support/fake_peer.ts";
import { FakeTimers } from "../support/fake_timers.ts";
import { initializeMessage, type Json, readAnswer, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";

const ACCEPTS = ["application/json, text/event-stream", "application/json", "text/event-stream"] as const;

type Step =
  | { readonly do: "ask"; readonly accept: typeof ACCEPTS[number] }
  | { readonly do: "answer" | "cancel" | "leave" | "progress"; readonly which: number }
  | { readonly do: "lose" | "replace" | "fail" | "wait" | "deaf" | "listen" };

const which = fc.nat(7);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("ask" as const), accept: fc.constantFrom(...ACCEPTS) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom("answer", "cancel", "leave", "progress" as const), which }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom("lose", "replace", "fail", "wait", "deaf", "listen" as const) }),
    },
  ),
  { maxLength: 25 },
) as fc.Arbitrary<Step[]>;

interface Asked {
  readonly id: string;
  readonly call: SessionCall;
  left: boolean;
  /** The ids of the responses that came; undefined for a refusal of the whole. */
  readonly ended: Promise<unknown[] | undefined>;
}

class Scene {
  readonly timers = new FakeTimers();
  readonly account = new ByteAccount();
  readonly asked: Asked[] = [];
  readonly listening: ClientResponse[] = [];
  peers!: FakePeers;
  on!: { readonly upstreamSessionId: UpstreamSessionId };
  readonly server = new BridgeServer({
    parts: {
      limits: DEFAULT_BRIDGE_LIMITS,
      timers: this.timers,
      account: this.account,
      random: (n) => crypto.getRandomValues(new Uint8Array(n)),
    },
    gate: { assertOpen() {}, succeed() {}, fail() {} },
    choose: () => (events) => this.peers = new FakePeers(events),
    onEnded: () => {},
  });

  send(method: "GET" | "POST" | "DELETE", message?: Json, accept: string = ACCEPTS[0]): SessionCall {
    const body = message === undefined ? undefined : new TextEncoder().encode(JSON.stringify(message));
    const on = this.on ?? { upstreamSessionId: undefined };
    return this.server.send({
      method,
      fields: ["accept", accept],
      body,
      caller: callerKeys("a"),
      session: { tag: "s" },
      ...on,
    });
  }

  async open(): Promise<void> {
    const { sessionId } = await readAnswer(await this.send("POST", initializeMessage()).response as ClientResponse);
    this.on = { upstreamSessionId: sessionId as UpstreamSessionId };
  }

  ask(accept: string): void {
    const id = `call ${this.asked.length}`;
    const call = this.send("POST", toolCall(id, "t", {}, id), accept);
    const ended = call.response.then(
      async (response) => (await readAnswer(response as ClientResponse)).messages.filter(isAnswer).map(({ id }) => id),
    ).catch(() => undefined);
    this.asked.push({ id, call, left: false, ended });
  }

  take(step: Step): void {
    const { peers } = this;
    const peer = peers.current;
    switch (step.do) {
      case "ask":
        return this.ask(step.accept);
      case "answer": {
        const own = [...peer?.asked.keys() ?? []];
        return void (own.length > 0 && peer!.answer(own[step.which % own.length]!, { done: true }));
      }
      case "progress":
        return peer?.say({ method: "notifications/progress", params: { progressToken: `call ${step.which}` } });
      case "cancel": {
        const params = { requestId: `call ${step.which}` };
        return void this.send("POST", { jsonrpc: "2.0", method: "notifications/cancelled", params }).response.catch(
          () => {},
        );
      }
      case "leave": {
        const asked = this.asked[step.which];
        if (asked === undefined) return;
        asked.left = true;
        return asked.call.abort();
      }
      case "lose":
        return void (peer !== undefined && peers.lose());
      case "replace":
        return void (peer === undefined && peers.replace());
      case "fail":
        if (peer === undefined) peers.fail(new SignetError("upstream_unreachable"));
        return;
      case "deaf":
        return void (peer !== undefined && (peer.takes = false));
      case "listen":
        return void this.send("GET").response.then((response) => this.listening.push(response as ClientResponse));
      case "wait":
        return;
    }
  }

  /** Ends the session: whatever was open ends with it. */
  async end(): Promise<void> {
    await this.send("DELETE").response;
    for (const response of this.listening) response.release();
    await this.server.close();
  }
}

function isAnswer(message: Json): boolean {
  return message.id !== undefined && message.method === undefined;
}

Deno.test("B9: each call ends once, whatever happens around it, and nothing of it is held", STRICT, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const scene = new Scene();
      await scene.open();
      for (const step of steps) {
        scene.take(step);
        await scene.timers.advance(step.do === "wait" ? DEFAULT_BRIDGE_LIMITS.streamAfterMs : 0);
      }
      await scene.end();
      for (const { id, left, ended } of scene.asked) {
        const answers = await ended;
        if (!left && answers !== undefined) assert.deepEqual(answers, [id], "one answer, its own");
      }
      const { calls, questions, sessions } = scene.server.sizes();
      assert.deepEqual({ calls, questions, sessions, held: scene.account.held }, {
        calls: 0,
        questions: 0,
        sessions: 0,
        held: 0,
      });
    }),
    { numRuns: 300 },
  );
});

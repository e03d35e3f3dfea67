// Unmodified clients with unmodified servers over Streamable HTTP, each server a peer behind our own bridge: whatever a
// client does with the server itself it does through the two of them, Signet before them included.
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../lib/bridge/limits.ts";
import { BridgeServer } from "../../lib/bridge/server.ts";
import { ByteAccount } from "../../lib/http1/byte_account.ts";
import { SYSTEM_TIMERS } from "../../lib/platform/time/timers.ts";
import { HttpUpstream } from "../../lib/upstream/http.ts";
import { httpPeer } from "../../lib/upstream/peers/http_peer_life.ts";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { exerciseEverything } from "../support/mcp_everything.ts";
import { SCENARIOS } from "../support/mcp_scenarios.ts";
import { type Fixture, type FixtureOptions, startFixture } from "../support/mcp_servers.ts";
import { TestSignet } from "../support/signet.ts";
import { SILENT_LOG } from "../support/silent_log.ts";
import { StdioEndpoint } from "../support/stdio_endpoint.ts";
import { until } from "../support/until.ts";

const WAYS = ["by the bridge alone", "through Signet"] as const;

/** A bridge to one HTTP server, and where clients reach it. */
class Reach implements AsyncDisposable {
  readonly url: string;
  readonly bridge: BridgeServer;
  readonly #account: ByteAccount;
  readonly #ends: (() => unknown)[];

  private constructor(url: string, made: { bridge: BridgeServer; account: ByteAccount; ends: (() => unknown)[] }) {
    this.url = url;
    this.bridge = made.bridge;
    this.#account = made.account;
    this.#ends = made.ends;
  }

  static async to({ url }: Fixture, way: typeof WAYS[number]): Promise<Reach> {
    const account = new ByteAccount();
    const upstream = new HttpUpstream({ name: "there", url, account });
    const bridge = new BridgeServer({
      parts: {
        limits: DEFAULT_BRIDGE_LIMITS,
        account,
        timers: SYSTEM_TIMERS,
        random: (n) => crypto.getRandomValues(new Uint8Array(n)),
      },
      gate: { assertOpen() {}, succeed() {}, fail() {} },
      choose: ({ caller, session }) => httpPeer({ upstream, caller, session, account, log: SILENT_LOG }),
      onEnded: () => {},
    });
    const endpoint = new StdioEndpoint(bridge);
    const signet = way === "through Signet" ? await TestSignet.start({ upstream: endpoint.url }) : undefined;
    const ends = [() => signet?.app.drain(), () => endpoint[Symbol.asyncDispose](), () => upstream.close()];
    return new Reach(signet?.url ?? endpoint.url, { bridge, account, ends });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end();
    await until(() => this.#account.held === 0, () => `${this.#account.held} bytes are held for nobody`);
  }
}

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `PROTOCOL 11: client ${kind} works with server-everything as a peer, ${way}`,
      CLIENT_SANITIZERS,
      async (t) => {
        await using server = await startFixture("everything");
        await using reach = await Reach.to(server, way);
        await using connected = await connectClient(kind, reach.url);
        const { client } = connected;
        await exerciseEverything(t, connected);
        await t.step("L4: goes on when the server was restarted", async () => {
          await server.restart();
          assert.match(await client.call("get-sum", { a: 1, b: 1 }), /2/);
        });
        await t.step("L5: ends its session", () => client.terminate());
      },
    );
  }
}

const SERVERS: readonly [string, "sdk1" | "sdk2", FixtureOptions][] = [
  ["SDK 1.x, streams", "sdk1", {}],
  ["SDK 1.x, JSON", "sdk1", { json: true }],
  ["SDK 2.x, streams", "sdk2", {}],
  ["SDK 2.x, JSON", "sdk2", { json: true }],
];
for (const [name, server, options] of SERVERS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`PROTOCOL 11: client ${kind} has every feature of a peer (${name})`, CLIENT_SANITIZERS, async (t) => {
      await using fixture = await startFixture(server, options);
      await using reach = await Reach.to(fixture, "through Signet");
      await using connected = await connectClient(kind, reach.url);
      const { client } = connected;
      for (const { name, needs, run } of SCENARIOS) {
        if ((options.json && needs.includes("stream")) || needs.includes("stateless")) continue;
        await t.step(name, () => run(connected));
      }
      await t.step("L4: goes on when the server was restarted, and subscribed to what it was", async () => {
        await fixture.restart();
        assert.equal(await client.call("echo", { text: "again" }), "again");
        if (options.json) return;
        connected.notifications.length = 0;
        await until(async () => {
          await client.call("note", { id: "1", text: "after" });
          return connected.notifications.some(({ method }) => method === "notifications/resources/updated");
        }, "an update of what the server before was subscribed to");
      });
      await t.step("L5: ends its session", () => client.terminate());
    });
  }
}

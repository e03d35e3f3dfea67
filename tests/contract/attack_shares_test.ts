// One caller with a valid token, against all the others: what it may hold leaves them a way in (ARCHITECTURE.md,
// "No caller takes all of anything").
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeSseMcp } from "../support/fake_sse_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const MIB = 1024 * 1024;
const CONNECTIONS = 20;
const UNBOUNDED = { limit: undefined, acceptSpins: false };
const PING = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });

for (const lane of LANES) {
  Deno.test(
    `M3: one caller's share of memory, all of it taken, keeps no newcomer's long head out (${lane} lane)`,
    STRICT,
    async () => {
      const gate = Promise.withResolvers<Record<string, unknown>>();
      await using issuer = await TestIssuer.create();
      await using upstream = new FakeMcp();
      upstream.tool("hang", () => gate.promise);
      const flags = [...issuer.flags, "--max-body", "1MiB", "--max-buffered", "2MiB"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const greedy = await issuer.token("greedy");
      const id = await signet.open({ token: greedy });
      const body = JSON.stringify(call(1, "hang", { filler: "x".repeat(MIB - 200) }));
      const hanging = signet.post(body, { id, token: greedy });
      await until(async () => await signet.metric("signet_buffered_body_bytes") > MIB - 8192, "its share is taken");
      const token = await issuer.token("somebody");
      const padding = `x-padding: ${"p".repeat(6000)}`;
      const client = await RawClient.connect(signet.url);
      try {
        await client.send(rawPost(PING, [`authorization: Bearer ${token}`, padding]));
        const answer = await client.answer();
        assert.equal(answer.status, 400, `it is let in, and hears that ping wants a session: ${answer.head}`);
      } finally {
        client[Symbol.dispose]();
        gate.resolve({});
        await status(hanging);
      }
    },
  );

  for (const what of ["heads", "bodies", "small bodies"] as const) {
    Deno.test(
      `M3: one caller's connections that drip ${what} do not keep another caller out (${lane} lane)`,
      STRICT,
      async () => {
        await using issuer = await TestIssuer.create();
        await using upstream = new FakeMcp();
        const flags = [...issuer.flags, "--max-connections", String(CONNECTIONS)];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        const greedy = [`authorization: Bearer ${await issuer.token("greedy")}`];
        const length = what === "bodies" ? 100_000 : 1000;
        const slow = what === "heads"
          ? "POST /mcp HTTP/1.1\r\nx-drip: "
          : rawPost("", greedy).replace("content-length: 0", `content-length: ${length}`);
        const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => RawClient.connect(signet.url)));
        try {
          for (const client of clients) {
            await client.send(rawPost(PING, greedy));
            assert.equal((await client.answer()).status, 400, "it has proven who it is");
            await client.send(slow);
          }
          const token = await issuer.token("somebody");
          const id = await signet.open({ token });
          assert.equal(await status(signet.post(call(1, "echo"), { id, token })), 200);
        } finally {
          for (const client of clients) client[Symbol.dispose]();
        }
      },
    );
  }

  for (
    const [what, boundBy] of [["streams", "settings"], ["calls", "settings"], ["streams", "descriptors"]] as const
  ) {
    Deno.test(
      `M2: one caller's ${what} do not take every connection there is, bounded by ${boundBy} (${lane} lane)`,
      STRICT,
      async () => {
        const gate = Promise.withResolvers<Record<string, unknown>>();
        await using issuer = await TestIssuer.create();
        await using upstream = new FakeMcp();
        upstream.tool("hang", () => gate.promise);
        const cap = boundBy === "settings" ? ["--max-connections", String(CONNECTIONS)] : [];
        const flags = [...issuer.flags, ...cap, "--max-streams-per-session", "100"];
        // Half is kept for whatever else is open, and each client's connection may need another.
        const descriptors = boundBy === "descriptors" ? { limit: CONNECTIONS * 4, acceptSpins: true } : UNBOUNDED;
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, descriptors });
        const greedy = await issuer.token("greedy");
        const id = await signet.open({ token: greedy });
        const clients: RawClient[] = [];
        const fields = [`authorization: Bearer ${greedy}`, `mcp-session-id: ${id}`];
        const get = `GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n${
          fields.join("\r\n")
        }\r\n\r\n`;
        try {
          // A stream's head comes at once, and the refusal of what is beyond a share; the other calls hang.
          let [answered, refused] = [0, 0];
          for (let n = 0; n < CONNECTIONS; n++) {
            const client = await RawClient.connect(signet.url);
            clients.push(client);
            await client.send(what === "streams" ? get : rawPost(JSON.stringify(call(n, "hang")), fields));
            void client.answer().then(({ status, body }) => {
              answered++;
              // A call of a tool is refused as its result (G5).
              if (status === 429 || body.includes('"isError":true')) refused++;
            });
            await until(() => answered + (upstream.ran.get("hang") ?? 0) > n, "it is being served");
          }
          assert.equal(refused, CONNECTIONS / 2, "its share");
          const token = await issuer.token("somebody");
          using newcomer = await RawClient.connect(signet.url);
          await newcomer.send(rawPost(JSON.stringify(INITIALIZE), [`authorization: Bearer ${token}`]));
          assert.equal((await newcomer.answer()).status, 200);
        } finally {
          for (const client of clients) client[Symbol.dispose]();
          gate.resolve({});
        }
      },
    );
  }

  for (const what of ["sessions", "processes"] as const) {
    Deno.test(
      `M2: where --max-${what} is no more than one caller may have, the others still find room (${lane} lane)`,
      STRICT,
      async () => {
        await using issuer = await TestIssuer.create();
        await using upstream = new FakeMcp();
        const { command, args = [] } = fixture();
        const server = what === "sessions" ? upstream.url : [command, ...args];
        const flags = [...issuer.flags, `--max-${what}`, "4"];
        await using signet = await TestSignet.start({ upstream: server, lane, flags });
        const greedy = await issuer.token("greedy");
        const opened: number[] = [];
        for (let n = 0; n < 4; n++) opened.push(await status(signet.post(INITIALIZE, { token: greedy })));
        assert.deepEqual(opened, [200, 200, 429, 429]);
        assert.equal(await status(signet.post(INITIALIZE, { token: await issuer.token("somebody") })), 200);
      },
    );
  }

  for (const kind of ["HTTP", "stdio"] as const) {
    Deno.test(`M1: a batch is as many calls as there are in it, before ${kind} (${lane} lane)`, STRICT, async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = ({ body }) => body.startsWith("[") ? Response.json([]) : undefined;
      const { command, args = [] } = fixture();
      const server = kind === "HTTP" ? upstream.url : [command, ...args];
      const flags = ["--max-calls-per-session", "10"];
      await using signet = await TestSignet.start({ upstream: server, lane, flags });
      const params = { ...INITIALIZE.params, protocolVersion: "2025-03-26" };
      const id = await signet.open({}, { ...INITIALIZE, params });
      const batch = (length: number) => Array.from({ length }, (_, n) => call(n, "echo"));
      assert.equal(await status(signet.post(batch(10), { id })), 200);
      assert.equal(await status(signet.post(batch(11), { id })), 429);
      assert.equal(await status(signet.post(batch(10), { id })), 200);
    });
  }
}

for (const kind of ["HTTP", "HTTP+SSE", "several", "stdio"] as const) {
  Deno.test(
    `M2: a stateless caller takes its share of sessions, whatever it says it is, before ${kind}`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      await using streams = new FakeSseMcp();
      await using upstream = new FakeMcp({ sessionsOnly: true });
      const { command, args = [] } = fixture();
      const servers: Record<typeof kind, string | string[]> = {
        HTTP: upstream.url,
        "HTTP+SSE": `sse+${streams.url}`,
        several: `one=${upstream.url}`,
        stdio: [command, ...args],
      };
      const flags = [
        ...issuer.flags,
        ...["--max-sessions", "4", "--bind-client-id"],
        ...(kind === "several" ? ["--upstream", `two=${upstream.url}`] : []),
      ];
      await using signet = await TestSignet.start({ upstream: servers[kind], flags });
      const [name, shape] = kind === "several" ? ["one_echo", { isError: false }] : ["echo", {}];
      const asks = async (subject: string, clientId: string, nth: number) => {
        const token = await issuer.token(subject, { clientId });
        const capabilities = { experimental: { nth: { nth } } };
        return (await answered(ask(signet, "tools/call", { name, arguments: shape }, { token, capabilities }))).status;
      };
      // Kinds of client give way to others of their own client; a person has no share for each of its clients.
      for (let nth = 0; nth < 5; nth++) assert.equal(await asks("greedy", "app", nth), 200);
      assert.equal(await asks("greedy", "other app", 0), 429);
      assert.equal(await asks("somebody", "app", 0), 200);
    },
  );
}

Deno.test("M2: a reload says how many sessions anonymous stateless clients share, too", STRICT, async () => {
  await using upstream = new FakeMcp({ sessionsOnly: true });
  await using signet = await TestSignet.start({
    upstream: upstream.url,
    flags: ["--max-sessions-per-principal", "1"],
  });
  let nth = 0;
  const shared = async () => {
    for (const last = nth + 3; nth < last; nth++) {
      const capabilities = { experimental: { nth: { nth } } };
      const asked = ask(signet, "tools/call", { name: "echo", arguments: {} }, { capabilities });
      assert.equal((await answered(asked)).status, 200);
    }
  };
  const areShared = (count: number) =>
    until(() => upstream.sessions.size === count, () => `${count} sessions to be there`);
  await shared();
  await areShared(1);
  signet.flags = signet.flags.map((flag) => flag === "1" ? "3" : flag);
  await signet.app.reload();
  await shared();
  await areShared(3);
});

// Sessions that are kept for stateless clients while a client gives up its first request after a restart: whoever asks next
// goes on with them, at one server or at several (docs/behaviour.md S3, A6).
import assert from "node:assert/strict";
import { count, CountingServer } from "../support/counting_server.ts";
import { ISSUER } from "../support/issuer.ts";
import { startSeveral } from "../support/several.ts";
import { freshRing, TestSignet } from "../support/signet.ts";
import { ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** A server that says nothing to an initialize before it is let. */
class SlowServer extends CountingServer {
  readonly #gate = Promise.withResolvers<void>();

  constructor() {
    super();
    this.onRequest = async ({ body }) => {
      if (body.includes('"method":"initialize"')) await this.#gate.promise;
      return undefined;
    };
  }

  answer(): void {
    this.#gate.resolve();
  }

  get isAsked(): boolean {
    return this.received("POST", "initialize").length > 0;
  }
}

/** Asks, and leaves as soon as `isAsked`. */
async function giveUp(signet: TestSignet, { token }: { token?: string }, isAsked: () => boolean): Promise<void> {
  const leaving = new AbortController();
  const asked = ask(signet, "tools/call", { name: "left_count", arguments: {} }, {
    signal: leaving.signal,
    ...(token === undefined ? {} : { token }),
  });
  asked.catch(() => {});
  await until(isAsked, "the slow server to be greeted");
  leaving.abort();
  await assert.rejects(asked);
  await until(
    async () => await signet.metric('signet_several_entries{what="calls"}') === 0,
    "the request to be given up",
  );
}

async function scene(flags: readonly string[] = []) {
  const folder = await TempFolder.create();
  const ring = freshRing();
  const servers = { left: new CountingServer(), other: new CountingServer(), slow: new SlowServer() };
  const start = (...names: (keyof typeof servers)[]) =>
    startSeveral(Object.fromEntries(names.map((name) => [name, servers[name]])), {
      ring,
      flags: ["--state", `${folder.path}/state`, ...flags],
    });
  return {
    ...servers,
    start,
    [Symbol.asyncDispose]: async () => {
      servers.slow.answer();
      for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

Deno.test(
  "S3 A6: of several servers what each keeps outlives a client that gives up waiting for another",
  STRICT,
  async () => {
    await using at = await scene();
    const first = await at.start("left", "other");
    assert.deepEqual([await count(first, {}, "left_count"), await count(first, {}, "left_count")], [1, 2]);
    await first[Symbol.asyncDispose]();
    await using second = await at.start("left", "slow");
    await giveUp(second, {}, () => at.slow.isAsked);
    at.slow.answer();
    assert.equal(await count(second, {}, "left_count"), 3);
    assert.equal(at.left.received("DELETE").length, 0, "nobody ends what is kept");
    await until(() => at.slow.received("DELETE").length === 1, "what was opened for nobody to end");
  },
);

Deno.test("S3 A6: so it does where Signet ends while another server is being greeted", STRICT, async () => {
  await using at = await scene(["--drain-timeout", "0s"]);
  const first = await at.start("left", "other");
  assert.equal(await count(first, {}, "left_count"), 1);
  await first[Symbol.asyncDispose]();
  const second = await at.start("left", "slow");
  const asked = ask(second, "tools/call", { name: "left_count", arguments: {} }).then((response) => response.text());
  asked.catch(() => {});
  await until(() => at.slow.isAsked, "the slow server to be greeted");
  const ended = second[Symbol.asyncDispose]();
  await asked.catch(() => {});
  at.slow.answer();
  await ended;
  assert.equal(at.left.received("DELETE").length, 0);
  await using third = await at.start("left", "other");
  assert.equal(await count(third, {}, "left_count"), 2);
});

Deno.test(
  "L6 S3: a revocation while another server is being greeted ends what is kept all the same",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using at = await scene(issuer.flags);
    const alice = { token: await issuer.token("alice") };
    const first = await at.start("left", "other");
    assert.equal(await count(first, alice, "left_count"), 1);
    await first[Symbol.asyncDispose]();
    await using second = await at.start("left", "slow");
    const asked = ask(second, "tools/call", { name: "left_count", arguments: {} }, alice).then((response) =>
      response.text()
    );
    asked.catch(() => {});
    await until(() => at.slow.isAsked, "the slow server to be greeted");
    const response = await fetch(`http://${second.app.admin}/sessions/revoke`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "principal", issuer: ISSUER, subject: "alice" }),
    });
    assert.equal(response.status, 200, await response.text());
    await until(() => at.left.received("DELETE").length === 1, "the server to be told of the end");
    at.slow.answer();
    await asked.catch(() => {});
    assert.equal(await count(second, alice, "left_count"), 1);
  },
);

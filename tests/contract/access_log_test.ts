// The access log (P1, V1): every request has a line, however many there are, with hashes for names; a reload switches it.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

for (const lane of LANES) {
  Deno.test(`V1: with --access-log every request leaves a line, beyond any budget (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      lane,
      flags: ["--principal", "bearer", "--access-log"],
    });
    const lines = () => signet.logs.filter(({ event }) => event === "request");
    const id = await signet.open({ token: "alice" });
    for (let n = 0; n < 60; n++) await (await signet.post(call(n, "echo"), { id, token: "alice" })).text();
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: "mallory" })), 403);
    await (await fetch(new URL(`/${"k".repeat(40)}`, signet.url))).text();
    await until(() => lines().length === 63, "a line for each");
    const called = lines()[1]!;
    assert.deepEqual(
      [called.level, called.status, called.method, called.name, called.lane, called.http, called.path],
      ["info", 200, "tools/call", "echo", lane, "POST", "/mcp"],
    );
    assert.match(String(called.caller), /^bearer [0-9a-f]{12}$/);
    assert.match(String(called.session), /^[0-9a-f]{12}$/);
    const [refused, elsewhere] = lines().slice(-2);
    assert.deepEqual([refused!.status, refused!.code], [403, "owner_mismatch"]);
    assert.notEqual(refused!.caller, called.caller);
    assert.deepEqual([elsewhere!.status, elsewhere!.path], [404, "/…"]);
    const shown = JSON.stringify(signet.logs);
    for (const secret of [id, "alice", "mallory", "kkkk"]) assert.equal(shown.includes(secret), false, secret);

    signet.flags = signet.flags.filter((flag) => flag !== "--access-log");
    await signet.app.reload();
    await (await signet.post(call(1, "echo"), { id, token: "alice" })).text();
    signet.flags = [...signet.flags, "--access-log"];
    await signet.app.reload();
    await (await signet.post(call(2, "echo"), { id, token: "alice" })).text();
    await until(() => lines().length === 64, "the one after the second reload");
  });
}

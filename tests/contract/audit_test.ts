// G1, G2, G3: the audit log has every call and refusal once, or says how many it has not; nobody can change it unseen, and it
// says nothing that it was not asked to say.
import assert from "node:assert/strict";
import { AuditFolder, type AuditLine } from "../support/audit.ts";
import { AuditMix, MIX_FLAGS } from "../support/audit_mix.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

function of(lines: readonly AuditLine[], event: string): AuditLine {
  const found = lines.filter((line) => line.event === event);
  assert.equal(found.length, 1, `one line of ${event} in ${JSON.stringify(lines)}`);
  return found[0]!;
}

for (const lane of LANES) {
  Deno.test(
    `G1 G3: the audit log says who did what and how it came out, and no secret (${lane} lane)`,
    STRICT,
    async () => {
      await using audit = await AuditFolder.make();
      await using upstream = new FakeMcp();
      upstream.tool("fails", () => ({ content: [], isError: true }));
      let ring;
      let id = "";
      {
        await using signet = await TestSignet.start({
          upstream: upstream.url,
          lane,
          flags: ["--principal", "bearer", "--audit", audit.path],
        });
        ring = signet.ring;
        id = await signet.open({ token: "alice-token" });
        await (await signet.post(call("r1", "echo", { password: "hunter2" }), { id, token: "alice-token" })).text();
        await (await signet.post(call(2, "fails"), { id, token: "alice-token" })).text();
        await (await signet.post(call(3, "unknown"), { id, token: "alice-token" })).text();
        assert.equal(await status(signet.post(call(4, "echo"), { id, token: "mallory-token" })), 403);
        assert.equal(await status(signet.post(call(5, "echo"), { id })), 401);
        await signet.app.reload();
        assert.equal(await status(signet.delete({ id, token: "alice-token" })), 204);
      }
      assert.equal((await Deno.stat(audit.path)).mode! & 0o777, 0o600);
      const lines = await audit.lines();
      assert.deepEqual(lines.map(({ seq }) => seq), lines.map((_, index) => index + 1));
      const calls = lines.filter(({ event, outcome }) => event === "tool.call" && outcome !== "refused");
      assert.deepEqual(calls.map(({ name, outcome, status, code, rpc }) => [name, outcome, status, code, rpc]), [
        ["echo", "ok", 200, undefined, undefined],
        ["fails", "tool_error", 200, undefined, undefined],
        ["unknown", "error", 200, undefined, -32602],
      ]);
      const refused = lines.filter(({ outcome }) => outcome === "refused");
      assert.deepEqual(refused.map(({ code, status }) => [code, status]), [["owner_mismatch", 403], [
        "unauthenticated",
        401,
      ]]);
      const [first] = calls;
      const { session } = of(lines, "session.open");
      assert.match(String(session), /^[0-9a-f]{12}$/);
      assert.deepEqual([first!.session, first!.id], [session, "r1"]);
      assert.equal((first!.actor as AuditLine).by, "bearer");
      assert.equal(of(lines, "session.end").reason, "deleted");
      assert.equal(of(lines, "config.reload").outcome, "ok");
      assert.equal(of(lines, "audit.stop").seq, lines.length);
      const text = await Deno.readTextFile(audit.path);
      for (const secret of [id, "alice-token", "mallory-token", "hunter2", "password"]) {
        assert.equal(text.includes(secret), false, secret);
      }
      const verdict = await audit.verify(ring);
      assert.deepEqual([verdict.problems, verdict.end, verdict.lines], [[], "stop", lines.length]);
    },
  );

  Deno.test(
    `G1: arguments are shown as a keyed digest, or member by member, where asked for (${lane} lane)`,
    STRICT,
    async () => {
      await using audit = await AuditFolder.make();
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [
          ...["--audit", audit.path, "--audit-arguments", "digest"],
          ...["--audit-argument", "echo:where.path", "--audit-argument", "*:tenant"],
        ],
      });
      const id = await signet.open();
      const send = async (text: string) => await (await signet.post(text, { id })).text();
      const asked = (name: string, args: string) =>
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;
      await send(asked("echo", `{"where":{"path":"/etc"},"secret":"x","tenant":7}`));
      await send(asked("echo", `{ "tenant": 7.0, "secret":"\\u0078", "where" : {"path":"/etc"} }`));
      await send(asked("other", `{"where":{"path":"/etc"},"secret":"y"}`));
      await send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}`);
      const args = (await audit.exchanges(5)).slice(1).map(({ args }) => args as Record<string, unknown> | undefined);
      assert.deepEqual(args.map((each) => each?.shown), [
        { "where.path": "/etc", tenant: 7 },
        { "where.path": "/etc", tenant: 7 },
        undefined,
        undefined,
      ]);
      assert.match(String(args[0]!.hmac), /^[0-9a-f]{32}$/);
      assert.equal(args[1]!.hmac, args[0]!.hmac);
      assert.notEqual(args[2]!.hmac, args[0]!.hmac);
      assert.equal(args[3], undefined);
      assert.equal((await Deno.readTextFile(audit.path)).includes('"secret"'), false);
    },
  );
}

Deno.test("G1: which of several servers a call went to, and each message of a batch, are lines", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ files: a, github: b }, { flags: ["--audit", audit.path] });
  const session = await SeveralSession.open(signet);
  await session.call("github_echo", {});
  await until(async () => (await audit.lines()).some(({ member }) => member === "github"), "the member's name");
});

Deno.test("G2: a file that is moved away is ended, and the chain goes on in a new one", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using upstream = new FakeMcp();
  const old = `${audit.path}.1`;
  let ring;
  {
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--audit", audit.path] });
    ring = signet.ring;
    const id = await signet.open();
    await audit.exchanges(1);
    await signet.app.reload();
    await Deno.rename(audit.path, old);
    await (await signet.post(call(1, "echo"), { id })).text();
    signet.flags = [...signet.flags, "--no-such-flag"];
    await signet.app.reload().catch(() => {});
    await (await signet.post(call(2, "echo"), { id })).text();
  }
  const both = await audit.verify(ring, old, audit.path);
  assert.deepEqual([both.problems, both.end, both.continues], [[], "stop", false]);
  const [first, second] = [await audit.lines(old), await audit.lines()];
  assert.equal(first.at(-1)!.event, "audit.rotate");
  assert.deepEqual([second[0]!.event, second[0]!.prev, second[0]!.seq], [
    "audit.continue",
    first.at(-1)!.mac,
    first.length + 1,
  ]);
  assert.equal([...first, ...second].filter(({ event }) => event === "tool.call").length, 2);
});

Deno.test(
  "G2: a chain goes on over a restart, a killed process's last lines and a torn one included",
  STRICT,
  async () => {
    await using audit = await AuditFolder.make();
    await using upstream = new FakeMcp();
    let ring;
    {
      await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--audit", audit.path] });
      ring = signet.ring;
      await signet.open();
    }
    const whole = await Deno.readTextFile(audit.path);
    const { seq } = (await audit.lines()).at(-1)!;
    // What a killed one can leave: lines whose MAC never came, and half of one.
    await Deno.writeTextFile(
      audit.path,
      `${whole}{"v":1,"seq":${seq + 1},"event":"request"}\n{"v":1,"seq":${seq + 2},"ev`,
    );
    {
      await using _again = await TestSignet.start({ upstream: upstream.url, ring, flags: ["--audit", audit.path] });
    }
    const verdict = await audit.verify(ring);
    assert.deepEqual([verdict.problems, verdict.end], [[], "stop"]);
    const text = await Deno.readTextFile(audit.path);
    const start = JSON.parse(text.split("\n").findLast((line) => line.includes("audit.start"))!);
    assert.deepEqual([start.seq, start.unsealed, start.torn > 0, start.killed], [seq + 2, 1, true, true]);
    assert.equal(verdict.killed, 1);
    await Deno.writeTextFile(audit.path, text.replace('"event":"request"}', '"event":"nothing"}'));
    assert.equal((await audit.verify(ring)).problems.length, 1);
  },
);

Deno.test(
  "G2: a file that is none of Signet's, or that others could write, is refused at the start",
  STRICT,
  async () => {
    await using audit = await AuditFolder.make();
    await using upstream = new FakeMcp();
    const start = () => TestSignet.start({ upstream: upstream.url, flags: ["--audit", audit.path] });
    await Deno.writeTextFile(audit.path, "some notes\n");
    await assert.rejects(start(), /does not end as one of Signet's does/);
    await Deno.writeTextFile(audit.path, "");
    await Deno.chmod(audit.path, 0o666);
    await assert.rejects(start(), /audit/);
    await Deno.remove(audit.path);
    await Deno.mkdir(audit.path);
    await assert.rejects(start(), /audit/);
  },
);

Deno.test("G2: lines under a new key go on the chain of those under the old one", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using upstream = new FakeMcp();
  await using other = await TestSignet.start({ upstream: upstream.url });
  const { KeyRing } = await import("../../lib/envelope/key_ring.ts");
  let ring;
  {
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--audit", audit.path] });
    const before = signet.ring.active;
    await signet.open();
    signet.ring = ring = new KeyRing([other.ring.active, before]);
    await signet.app.reload();
    await signet.open();
  }
  const verdict = await audit.verify(ring);
  assert.deepEqual([verdict.problems, verdict.end], [[], "stop"]);
  of(await audit.lines(), "audit.key");
});

Deno.test(
  "G1: of 10,000 mixed calls, refusals and clients that leave, each is in the audit log once",
  STRICT,
  async () => {
    await using audit = await AuditFolder.make();
    await using upstream = new FakeMcp();
    const mix = new AuditMix(upstream);
    let ring;
    {
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        flags: [...MIX_FLAGS, "--audit", audit.path],
      });
      ring = signet.ring;
      await mix.run(signet.url, 10_000);
    }
    mix.judge(await audit.lines());
    const verdict = await audit.verify(ring);
    assert.deepEqual([verdict.problems, verdict.end, verdict.dropped], [[], "stop", 0]);
  },
);

Deno.test(
  "G1: an id that is not in memory is named in the audit log when another caller, or nobody any more, may use it",
  STRICT,
  async () => {
    await using audit = await AuditFolder.make();
    await using upstream = new FakeMcp();
    await using first = await TestSignet.start({ upstream: upstream.url, flags: ["--principal", "bearer"] });
    const stolen = await first.open({ token: "alice" });
    const flags = ["--principal", "bearer", "--audit", audit.path];
    await using signet = await TestSignet.start({ upstream: upstream.url, ring: first.ring, flags });
    assert.equal(await status(signet.post(call(1, "echo"), { id: stolen, token: "mallory" })), 403);
    await (await signet.post(call(2, "echo"), { id: stolen, token: "alice" })).text();
    assert.equal(await status(signet.delete({ id: stolen, token: "alice" })), 204);
    assert.equal(await status(signet.post(call(3, "echo"), { id: stolen, token: "alice" })), 404);
    const [thief, owner, , late] = await audit.exchanges(4);
    assert.deepEqual([thief!.code, owner!.outcome, late!.code], ["owner_mismatch", "ok", "session_not_found"]);
    assert.match(String(owner!.session), /^[0-9a-f]{12}$/);
    assert.deepEqual([thief!.session, late!.session], [owner!.session, owner!.session]);
    const line = signet.logs.find(({ code }) => code === "session_not_found");
    assert.deepEqual([line?.session, line?.outcome], [owner!.session, "revoked"]);
  },
);

Deno.test("G1: tokens, revocations and refusals of the admin listener are in the audit log", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using upstream = new FakeMcp();
  const secret = `${audit.folder}/secret`;
  await Deno.writeTextFile(secret, "s".repeat(48), { mode: 0o600 });
  await using signet = await TestSignet.start({
    upstream: upstream.url,
    flags: ["--audit", audit.path, "--principal", "token", "--token-secret-file", secret],
  });
  const ask = async (path: string, body: unknown) => {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    return await (await fetch(`http://${signet.app.admin}${path}`, init)).json();
  };
  const { token } = await ask("/tokens", { agent: "builder", ttlMs: 60_000 });
  const id = await signet.open({ token });
  await ask("/tokens/revoke", { agent: "builder" });
  await ask("/sessions/revoke", { kind: "all" });
  await (await fetch(`http://${signet.app.admin}/elsewhere`)).body?.cancel();
  await until(async () => (await audit.lines()).some(({ event }) => event === "admin.refuse"), "the refusal");
  const lines = await audit.lines();
  const issued = of(lines, "token.issue");
  assert.equal(issued.for, "builder");
  assert.equal((of(lines, "session.open").actor as AuditLine).agent, "builder");
  assert.deepEqual([of(lines, "token.revoke").what, of(lines, "token.revoke").count], ["agent", 1]);
  assert.deepEqual([of(lines, "session.revoke").what, of(lines, "session.end").reason], ["all", "revoked"]);
  assert.deepEqual([of(lines, "admin.refuse").reason, of(lines, "admin.refuse").from], ["404", "127.0.0.1"]);
  const text = JSON.stringify(lines);
  for (const found of [token, id]) assert.equal(text.includes(found), false);
});

Deno.test("G1 G4: what a rule or a rate refuses is in the audit log with its name", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({
    upstream: upstream.url,
    flags: [
      ...["--audit", audit.path, "--rate", "1/m tool=echo burst=1"],
      ...["--rules", '{"deny":"drop_*","name":"no drops"}', "--rules-otherwise", "allow"],
    ],
  });
  const id = await signet.open();
  for (let n = 0; n < 3; n++) await (await signet.post(call(n, "echo"), { id })).text();
  await (await signet.post(call(9, "drop_table"), { id })).text();
  const lines = await audit.exchanges(5);
  const denied = lines.filter(({ rule }) => rule === "no drops");
  assert.deepEqual(denied.map(({ name, outcome, code }) => [name, outcome, code]), [[
    "drop_table",
    "refused",
    "rule_denied",
  ]]);
  const limited = lines.filter(({ code }) => code === "rate_limited");
  assert.equal(limited.length > 0, true, JSON.stringify(lines));
  assert.deepEqual([limited[0]!.outcome, limited[0]!.isError, limited[0]!.status], ["refused", true, 200]);
  assert.match(String(limited[0]!.limit), /requests per/);
});

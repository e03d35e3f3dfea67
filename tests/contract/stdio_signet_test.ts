// Signet before a stdio server, whole: what a client may send, what it may wait for, and how sessions end, as before a
// server over HTTP (docs/behaviour.md B8, B9, L5, P5).
import assert from "node:assert/strict";
import { HAS_CENSUS } from "../support/process_census.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };

function commandOf(...flags: string[]): string[] {
  const { command, args } = fixture(...flags);
  return [command, ...args];
}

async function textOf(response: Promise<Response>): Promise<string> {
  const answered = await response;
  return `${answered.status} ${await answered.text()}`;
}

for (const lane of LANES) {
  Deno.test(`P5: what SDK servers accept crosses to a stdio server untouched (${lane} lane)`, OPTIONS, async () => {
    await using signet = await TestSignet.start({ upstream: commandOf(), lane });
    const id = await signet.open();
    for (
      const [message, wanted] of [
        ['{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', /^200 .*"id":1,"result":\{\}/],
        ['{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', /^200 .*"id":9007199254740993,"result":\{\}/],
        ['{"jsonrpc":"2.0","id":-9223372036854775808,"method":"ping"}', /"id":-9223372036854775808,"result":\{\}/],
      ] as const
    ) {
      assert.match(await textOf(signet.post(message, { id })), wanted, message);
    }
    // Two that JavaScript takes for one number.
    const both = ["9007199254740992", "9007199254740993"].map((own) => {
      const waiting = `{"jsonrpc":"2.0","id":${own},"method":"tools/call","params":{"name":"wait"}}`;
      return textOf(signet.post(waiting, { id }));
    });
    let answered = false;
    void Promise.all(both).then(() => answered = true);
    await until(async () => {
      await status(signet.post(call("open", "open"), { id }));
      return answered;
    }, "both calls are answered");
    const [first, second] = await Promise.all(both);
    assert.match(first!, /"id":9007199254740992/);
    assert.match(second!, /"id":9007199254740993/);
  });

  Deno.test(`L5: DELETE ends a stdio session, its streams and its calls, once (${lane} lane)`, OPTIONS, async () => {
    await using signet = await TestSignet.start({ upstream: commandOf(), lane });
    const id = await signet.open();
    const listening = await signet.get({ id, headers: { accept: "text/event-stream" } });
    const waiting = textOf(signet.post(call(1, "silent"), { id }));
    assert.equal(listening.status, 200);
    assert.equal(await status(signet.delete({ id })), 204);
    assert.match(await waiting, /-32001|^404/);
    await listening.body?.cancel();
    assert.equal(await status(signet.delete({ id })), 404);
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 404);
  });

  Deno.test(`B8 B9: a BOM costs nobody a place (${lane} lane)`, OPTIONS, async () => {
    await using signet = await TestSignet.start({
      upstream: commandOf("--bom"),
      lane,
      flags: ["--max-processes", "3", "--max-processes-per-principal", "3"],
    });
    for (let round = 0; round < 6; round++) {
      const id = await signet.open();
      assert.match(await textOf(signet.post(call(1, "echo", { round }), { id })), /^200 /);
      assert.equal(await status(signet.delete({ id })), 204);
    }
  });

  Deno.test(
    `B9: a call that waits for a restart that fails is told so, not left alone (${lane} lane)`,
    OPTIONS,
    async () => {
      await using folder = await TempFolder.create();
      await using signet = await TestSignet.start({ upstream: commandOf("--once", `${folder.path}/started`), lane });
      const id = await signet.open();
      await status(signet.post(call(1, "crash"), { id }));
      const begun = performance.now();
      assert.match(await textOf(signet.post(call(2, "echo"), { id })), /"id":2,"error"|^502/);
      assert.ok(performance.now() - begun < 20_000);
    },
  );

  Deno.test(
    `B8: a revival is given up when --stdio-start-timeout says so, with its cure in the log (${lane} lane)`,
    OPTIONS,
    async () => {
      await using signet = await TestSignet.start({
        upstream: commandOf("--mute"),
        lane,
        flags: ["--stdio-start-timeout", "300ms"],
      });
      assert.match(await textOf(signet.post(INITIALIZE)), /^504 /);
      assert.ok(
        signet.logs.some((line) => /--stdio-start-timeout/.test(JSON.stringify(line))),
        "the cure is in the log",
      );
    },
  );
}

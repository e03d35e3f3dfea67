import assert from "node:assert/strict";
import type { TapEvent } from "../../../../lib/admin/live_api.ts";
import { formatEvent } from "../../../../lib/cli/commands/tap.ts";
import { styleFor } from "../../../../lib/cli/screen/text.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { FakeMachine } from "../fake_machine.ts";

const EVENT: TapEvent = {
  atMs: 0,
  ms: 3.4,
  method: "tools/call",
  name: "query",
  status: 200,
  bytesIn: 120,
  bytesOut: 4_000,
};
const PLAIN = styleFor(false, {});

function eventsOf(body: BodyInit): Response {
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

Deno.test("V3: a tapped exchange fits a line of any width, whatever its names are", STRICT, () => {
  assert.equal(formatEvent(EVENT, PLAIN, 200), "00:00:00  tools/call query  200  3.4ms  120→4000 B");
  assert.equal(
    formatEvent({ ...EVENT, isError: true, ms: 2_500 }, PLAIN, 48),
    "00:00:00  tools/call query  200 isError  2.5s",
  );
  const hostile = { ...EVENT, name: "\x1b[2J" + "n".repeat(500), member: "\u202e" };
  for (let width = 40; width <= 200; width++) {
    const line = formatEvent(hostile, PLAIN, width);
    assert.ok([...line].length <= width, `${width}: ${line}`);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\x00-\x1f\u202e]/);
  }
});

Deno.test("V3: tap writes what happens until the session ends, JSON where nobody looks", STRICT, async () => {
  const events = `: watching\n\ndata: ${
    JSON.stringify(EVENT)
  }\n\nevent: missed\ndata: 3\n\ndata: {"ended":"deleted"}\n\n`;
  const asked: string[] = [];
  const fetch = (url: string) => {
    asked.push(url);
    return Promise.resolve(eventsOf(events));
  };
  const piped = new FakeMachine({ fetch });
  assert.equal(await piped.run("tap", "3f2a9c01d4e5", "--admin", "127.0.0.1:9191"), 0, piped.stderr);
  assert.deepEqual(piped.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)), [EVENT, { ended: "deleted" }]);
  assert.deepEqual(asked, ["http://127.0.0.1:9191/sessions/tap?hash=3f2a9c01d4e5"]);
  const terminal = new FakeMachine({ fetch, terminal: true, columns: 80 });
  assert.equal(await terminal.run("tap", "3f2a9c01d4e5", "--admin", "127.0.0.1:9191"), 0);
  assert.match(terminal.stdout, /tools\/call query/);
  assert.match(terminal.stdout, /the session has ended.*: deleted/);
  assert.equal(terminal.listening, 0);
});

Deno.test("tap takes a hash as it is shown and in capitals, and sends nobody what is none", STRICT, async () => {
  const asked: string[] = [];
  const fetch = (url: string) => {
    asked.push(url);
    return Promise.resolve(eventsOf('data: {"ended":"deleted"}\n\n'));
  };
  const machine = new FakeMachine({ fetch });
  assert.equal(await machine.run("tap", "3F2A9C01D4E5", "--admin", "127.0.0.1:9191"), 0, machine.stderr);
  assert.deepEqual(asked.splice(0), ["http://127.0.0.1:9191/sessions/tap?hash=3f2a9c01d4e5"]);
  // A whole id would stand in an address, which others write down.
  for (const none of ["zzz", "3f2a9c01d4e", "1b2Fq".repeat(80)]) {
    const machine = new FakeMachine({ fetch });
    assert.equal(await machine.run("tap", none, "--admin", "127.0.0.1:9191"), 2);
    assert.match(machine.stderr, /This is no hash of a session\.\s+Write the 12 hexadecimal digits/);
    assert.ok(!machine.stderr.includes(none), machine.stderr);
  }
  assert.deepEqual(asked, []);
});

Deno.test("V3: tap says so, and exits 3, where Signet ends before the session does", STRICT, async () => {
  const cut = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(EVENT)}\n\n`)),
    pull: (controller) => controller.error(new TypeError("connection reset")),
  });
  for (const body of [cut, ": watching\n\n"]) {
    const machine = new FakeMachine({ fetch: () => Promise.resolve(eventsOf(body)) });
    assert.equal(await machine.run("tap", "3f2a9c01d4e5", "--admin", "127.0.0.1:9191"), 3);
    assert.match(machine.stderr, /Signet has ended, or the connection/);
  }
});

Deno.test("tap ends when nobody reads what it shows, and with it what it has opened", STRICT, async () => {
  let cancelled = false;
  const live = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(EVENT)}\n\n`)),
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  const machine = new FakeMachine({ fetch: () => Promise.resolve(eventsOf(live)), readsTexts: 1 });
  assert.equal(await machine.run("tap", "3f2a9c01d4e5", "--admin", "127.0.0.1:9191"), 0);
  assert.equal(machine.stdout.trimEnd().split("\n").length, 1);
  assert.deepEqual([cancelled, machine.listening], [true, 0]);
});

Deno.test(
  "tap, status and all that ask a Signet say so where another program answers, whatever it says",
  STRICT,
  async () => {
    for (
      const body of [
        "{}",
        "[]",
        "null",
        '{"ok":true,"requests":{}}',
        '{"sessions":[{}],"tokens":[3],"level":7}',
        "<html>",
      ]
    ) {
      const fetch = () => Promise.resolve(new Response(body, { headers: { "content-type": "application/json" } }));
      for (
        const words of [
          ["tap", "3f2a9c01d4e5"],
          ["status"],
          ["sessions"],
          ["revoke", "--all"],
          ["token", "list"],
          ["token", "verify", "a.b"],
          ["token", "issue", "--agent", "a"],
          ["log-level"],
          ["reload"],
          ["stop"],
        ]
      ) {
        const machine = new FakeMachine({ fetch });
        assert.equal(await machine.run(...words, "--admin", "127.0.0.1:9191"), 3, `${words}: ${body}`);
        assert.match(machine.stderr, /this is no operators' API of Signet/);
      }
    }
  },
);

Deno.test("tap ends when the reader of what it shows has gone, though nothing happens", STRICT, async () => {
  const silent = (_: string, { signal }: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => signal?.addEventListener("abort", () => controller.error(signal.reason)),
    });
    return Promise.resolve(eventsOf(body));
  };
  const machine = new FakeMachine({ fetch: silent });
  const done = machine.run("tap", "3f2a9c01d4e5", "--admin", "127.0.0.1:9191");
  await until(() => machine.leaveStdout !== undefined, "tap to watch");
  machine.leaveStdout!();
  assert.equal(await done, 0, machine.stderr);
  assert.deepEqual([machine.leaveStdout, machine.listening], [undefined, 0]);
});

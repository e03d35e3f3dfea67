import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { FakeMachine, type MachineOptions } from "../fake_machine.ts";
import { stateOf } from "../states.ts";

const ADMIN = ["--admin", "127.0.0.1:9191"];

/** A Signet that is asked again and again. */
class Asked {
  times = 0;
  down = false;
  readonly machine: FakeMachine;

  constructor(options: MachineOptions = {}) {
    this.machine = new FakeMachine({ fetch: (url) => this.#answer(url), ...options });
  }

  #answer(url: string): Promise<Response> {
    assert.equal(url, "http://127.0.0.1:9191/state");
    this.times++;
    if (this.down) return Promise.reject(new TypeError("connection refused"));
    return Promise.resolve(Response.json({ ...stateOf(), access: "local", wantsToken: false }));
  }
}

Deno.test("V3: status shows text, in a file without emphasis, and JSON when asked to", STRICT, async () => {
  const file = new Asked();
  assert.equal(await file.machine.run("status", ...ADMIN), 0);
  assert.match(file.machine.stdout, /^signet 0\.1\.0 · up 9s · READY\n/);
  const json = new Asked({ terminal: true });
  assert.equal(await json.machine.run("status", "--json", ...ADMIN), 0);
  assert.equal(JSON.parse(json.machine.stdout).version, "0.1.0");
  const terminal = new Asked({ terminal: true, columns: 40 });
  assert.equal(await terminal.machine.run("status", ...ADMIN), 0);
  assert.ok(terminal.machine.stdout.includes("\x1b[1mREADY\x1b[0m"));
});

Deno.test(
  "V3: status --watch goes on until a signal, over a Signet that is away for a while, and leaves nothing behind",
  STRICT,
  async () => {
    const asked = new Asked({ terminal: true, columns: 80 });
    const done = asked.machine.run("status", "--watch", "--every", "200ms", ...ADMIN);
    await until(() => asked.times >= 2, "looked twice");
    asked.down = true;
    await until(() => asked.machine.stdout.includes("nobody answers"), "told that nobody answers");
    asked.down = false;
    const seen = asked.times;
    await until(() => asked.times > seen, "looked again");
    asked.machine.send("SIGINT");
    assert.equal(await done, 0);
    assert.ok(asked.machine.stdout.startsWith("\x1b[?1049h\x1b[?25l"));
    assert.ok(asked.machine.stdout.endsWith("\x1b[?25h\x1b[?1049l"));
    assert.equal(asked.machine.listening, 0);
  },
);

Deno.test("V3: status exits 3 where nobody answers", STRICT, async () => {
  const asked = new Asked();
  asked.down = true;
  assert.equal(await asked.machine.run("status", ...ADMIN), 3);
  assert.match(asked.machine.stderr, /nobody answers/);
});

Deno.test("--watch ends when nobody reads what it shows: `status --watch | head` waited for ever", STRICT, async () => {
  const asked = new Asked({ readsTexts: 2 });
  assert.equal(await asked.machine.run("status", "--watch", "--every", "200ms", ...ADMIN), 0);
  assert.equal(asked.times, 3);
  assert.equal(asked.machine.listening, 0);
});

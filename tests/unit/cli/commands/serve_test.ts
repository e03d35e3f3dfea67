import assert from "node:assert/strict";
import type { AppModule, AppOptions, RunningApp } from "../../../../lib/app/running_app.ts";
import { ConfigError } from "../../../../lib/errors.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { FakeMachine, type MachineOptions } from "../fake_machine.ts";

const UPSTREAM = ["--upstream", "http://127.0.0.1:3000/mcp"];
const KEY = btoa("k".repeat(32));
const OTHER_KEY = btoa("l".repeat(32));

/** An app whose end is in the test's hands. */
class FakeApp implements AppModule, RunningApp {
  readonly listen = "127.0.0.1:8080";
  readonly admin: string | undefined = "127.0.0.1:9090";
  readonly stopped: Promise<void>;
  readonly drained = Promise.withResolvers<{ cutStreams: number }>();
  stopUnasked!: (error?: Error) => void;
  options: AppOptions | undefined;
  reloads = 0;
  drains = 0;
  /** What `reload` does besides reading everything again. */
  onReload: () => Promise<void> = () => Promise.resolve();

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.stopped = promise;
    this.stopUnasked = (error) => error === undefined ? resolve() : reject(error);
  }

  readonly startApp = (options: AppOptions): Promise<RunningApp> => {
    this.options = options;
    return Promise.resolve(this);
  };

  async reload(): Promise<readonly string[]> {
    this.reloads++;
    this.options!.onReloaded?.(await this.options!.reloadSettings());
    await this.options!.loadKeys();
    await this.onReload();
    return [];
  }

  drain(): Promise<{ cutStreams: number }> {
    this.drains++;
    return this.drained.promise;
  }
}

async function serving(argv: string[] = [], options: MachineOptions = {}) {
  const app = new FakeApp();
  const machine = new FakeMachine({ ...options, app });
  const code = machine.run("serve", ...UPSTREAM, ...argv);
  await Promise.race([code, until(() => machine.endLauncher !== undefined, "serve to have started")]);
  const lines = () => machine.stderr.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  return { app, machine, code, lines };
}

Deno.test("P2: the first SIGTERM drains and serve exits 0 when nothing had to be cut", STRICT, async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    const { app, machine, code, lines } = await serving();
    machine.send(signal);
    assert.equal(app.drains, 1);
    app.drained.resolve({ cutStreams: 0 });
    assert.equal(await code, 0);
    assert.deepEqual(lines().slice(-2).map(({ event }) => event), [
      "draining; a second signal ends at once",
      "drained",
    ]);
    assert.equal(machine.listening, 0, "no signal handler is left behind");
  }
});

Deno.test("P2: serve exits 4 when streams had to be cut, or the drain failed", STRICT, async () => {
  const cut = await serving();
  cut.machine.send("SIGTERM");
  cut.app.drained.resolve({ cutStreams: 3 });
  assert.equal(await cut.code, 4);
  assert.equal(cut.lines().at(-1)?.["cut_streams"], 3);
  const failed = await serving();
  failed.machine.send("SIGTERM");
  failed.app.drained.reject(new Error("boom"));
  assert.equal(await failed.code, 4);
});

Deno.test("P2: SIGUSR1 and SIGUSR2 change nothing, and the log says what they were meant for", STRICT, async () => {
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
    const { app, machine, code, lines } = await serving();
    machine.send(signal);
    const { level, event, signal: told, remedy } = lines().at(-1)!;
    assert.deepEqual([level, event, told], ["warn", "a signal that changes nothing", signal]);
    assert.match(String(remedy), /SIGHUP/);
    assert.deepEqual([app.drains, app.reloads], [0, 0]);
    await end({ app, machine, code });
  }
});

Deno.test("P2: a second signal ends at once, whatever the drain does", STRICT, async () => {
  const { app, machine, code } = await serving();
  machine.send("SIGTERM");
  machine.nowMs += 500;
  machine.send("SIGINT");
  assert.equal(await code, 4);
  assert.equal(app.drains, 1);
});

Deno.test("P7: a second signal within half a second is the same one, whichever it is", STRICT, async () => {
  const { app, machine, code } = await serving();
  machine.send("SIGINT");
  machine.nowMs += 499;
  machine.send("SIGINT");
  machine.send("SIGTERM");
  app.drained.resolve({ cutStreams: 0 });
  assert.equal(await code, 0);
  assert.equal(app.drains, 1);
});

Deno.test("P2: a fault that nothing caught is in the log, and ends Signet with exit code 1", STRICT, async () => {
  for (const fault of [new TypeError("boom"), "boom"]) {
    const { machine, code, lines } = await serving();
    machine.fault!(fault, "exception");
    assert.equal(await code, 1);
    const last = lines().at(-1)!;
    assert.deepEqual([last.level, last.event], ["error", "a fault of Signet's own: it ends"]);
    assert.match(String(last.error), /boom/);
    assert.equal(machine.fault, undefined, "no handler is left behind");
  }
});

Deno.test("P2: a rejection that nobody awaits is in the log, and ends nothing", STRICT, async () => {
  const { app, machine, code, lines } = await serving();
  machine.fault!(new TypeError("boom"), "rejection");
  const last = lines().at(-1)!;
  assert.deepEqual([last.level, last.event], ["error", "a fault of Signet's own: what it was about was given up"]);
  assert.match(`${last.error} ${last.stack}`, /boom/);
  machine.send("SIGTERM");
  app.drained.resolve({ cutStreams: 0 });
  assert.equal(await code, 0);
});

Deno.test("P7: Signet ends with the program that started it, and says why", STRICT, async () => {
  const { app, machine, code, lines } = await serving();
  machine.endLauncher!();
  app.drained.resolve({ cutStreams: 0 });
  assert.equal(await code, 0);
  assert.equal(lines().some(({ event }) => /started Signet has ended/.test(String(event))), true);
  assert.equal(machine.endLauncher, undefined, "nothing is watched any more");
});

Deno.test("V1: the log's level and form change with SIGHUP", STRICT, async () => {
  const files = { "signet.yaml": "log-level: error\n" };
  const { app, machine, code, lines } = await serving(["--config", "signet.yaml"], { files });
  assert.equal(machine.stderr, "");
  machine.files = { "signet.yaml": "log-level: info\n" };
  machine.send("SIGHUP");
  await until(() => machine.stderr.includes("reloaded"), "the reload");
  assert.equal(lines().at(-1)?.["event"], "reloaded");
  machine.files = { "signet.yaml": "log-format: human\n" };
  machine.send("SIGHUP");
  await until(() => /INFO +reloaded/.test(machine.stderr), "the form");
  await end({ app, machine, code });
});

Deno.test("P2: SIGHUP reloads", STRICT, async () => {
  const { app, machine, code, lines } = await serving();
  machine.send("SIGHUP");
  await until(() => lines().at(-1)?.["event"] === "reloaded", "the reload");
  assert.equal(app.reloads, 1);
  await end({ app, machine, code });
});

async function end({ app, machine, code }: { app: FakeApp; machine: FakeMachine; code: Promise<number> }) {
  machine.send("SIGTERM");
  app.drained.resolve({ cutStreams: 0 });
  assert.equal(await code, 0);
}

Deno.test("P2: a bad configuration at SIGHUP is told problem by problem and the old one stays", STRICT, async () => {
  const files = { "signet.yaml": "path: /mcp\n" };
  const { app, machine, code, lines } = await serving(["--config", "signet.yaml"], { files });
  machine.files["signet.yaml"] = "pth: /mcp\nsession-ttl: soon\n";
  machine.send("SIGHUP");
  const refused = () => lines().filter(({ event }) => String(event).startsWith("reload refused"));
  await until(() => refused().length === 2, "both problems");
  assert.deepEqual(refused().map(({ level, place }) => [level, place]), [
    ["error", "signet.yaml:1 (pth)"],
    ["error", "signet.yaml:2 (session-ttl)"],
  ]);
  machine.files["signet.yaml"] = "path: /other\n";
  machine.send("SIGHUP");
  await until(() => lines().at(-1)?.["event"] === "reloaded", "the next reload");
  await end({ app, machine, code });
});

Deno.test("P2: a reload tells what is new to beware of, and repeats nothing", STRICT, async () => {
  const files = { "signet.yaml": "path: /mcp\n" };
  const { app, machine, code, lines } = await serving(["--config", "signet.yaml"], { files });
  const bewares = () => lines().filter(({ event }) => event === "beware");
  const before = bewares().length;
  machine.files["signet.yaml"] = "admin: 0.0.0.0:9090\n";
  machine.send("SIGHUP");
  await until(() => lines().at(-1)?.["event"] === "reloaded", "the reload");
  assert.match(String(bewares().at(-1)?.["warning"]), /not loopback/);
  assert.equal(bewares().length, before + 1);
  await end({ app, machine, code });
});

Deno.test("P2: SIGHUPs during a reload make one more, and one during a drain none", STRICT, async () => {
  const { app, machine, code } = await serving();
  const first = Promise.withResolvers<void>();
  app.onReload = () => first.promise;
  for (let i = 0; i < 5; i++) machine.send("SIGHUP");
  assert.equal(app.reloads, 1);
  first.resolve();
  await until(() => app.reloads === 2, "one more reload");
  machine.send("SIGTERM");
  machine.send("SIGHUP");
  app.drained.resolve({ cutStreams: 0 });
  assert.equal(await code, 0);
  assert.equal(app.reloads, 2);
});

Deno.test(
  "P2: a signal while Signet starts is heard: a reload waits until it has started, an end is its end",
  STRICT,
  async () => {
    for (const signal of ["SIGHUP", "SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      const app = new FakeApp();
      const started = Promise.withResolvers<void>();
      const startApp = async (options: AppOptions) => {
        await started.promise;
        return await app.startApp(options);
      };
      const machine = new FakeMachine({ app: { ...app, startApp } });
      const code = machine.run("serve", ...UPSTREAM);
      assert.equal(machine.listening, 6, "from the first");
      machine.send(signal);
      machine.send(signal);
      if (signal !== "SIGHUP") {
        assert.equal(await code, 0, signal);
        assert.equal(machine.listening, 0);
        continue;
      }
      started.resolve();
      await until(() => app.reloads === 1, "the reload");
      machine.send("SIGTERM");
      app.drained.resolve({ cutStreams: 0 });
      assert.equal(await code, 0);
      assert.equal(app.reloads, 1);
    }
  },
);

Deno.test("serve exits 3 when the app stops unasked", STRICT, async () => {
  for (const error of [undefined, new Error("listener gone")]) {
    const { app, code, lines } = await serving();
    app.stopUnasked(error);
    assert.equal(await code, 3);
    assert.equal(lines().at(-1)?.["event"], "stopped unasked");
  }
});

Deno.test(
  "E5: loadKeys gives the ring that was shown first, and what was configured at the last reload after",
  STRICT,
  async () => {
    const { app, machine, code } = await serving(["--key-file", "ring"], { files: { ring: KEY } });
    const { loadKeys, reloadSettings } = app.options!;
    machine.files["ring"] = `${OTHER_KEY}\n${KEY}\n`;
    const shown = await loadKeys();
    assert.equal(shown.ring.keys.length, 1);
    await reloadSettings();
    const rotated = await loadKeys();
    assert.equal(rotated.ring.keys.length, 2);
    assert.equal(rotated.ring.keys[1]?.id, shown.ring.active.id);
    machine.files["ring"] = "nonsense";
    await assert.rejects(reloadSettings(), ConfigError);
    await end({ app, machine, code });
  },
);

Deno.test("E6: an ephemeral key outlives a reload, and gives way to a configured one", STRICT, async () => {
  const files = { "signet.yaml": "path: /mcp\n", ring: KEY };
  const { app, machine, code } = await serving(["--config", "signet.yaml"], { files });
  const { loadKeys, reloadSettings } = app.options!;
  const reloadKeys = async () => {
    await reloadSettings();
    return await loadKeys();
  };
  const first = await loadKeys();
  assert.equal(first.ephemeral, true);
  assert.equal((await reloadKeys()).ring, first.ring, "another ephemeral key would end every session");
  machine.files["signet.yaml"] = "key-file: ring\n";
  const configured = await reloadKeys();
  assert.deepEqual([configured.ephemeral, configured.source], [false, "ring"]);
  machine.files["signet.yaml"] = "path: /mcp\n";
  assert.equal((await reloadKeys()).ring, first.ring, "what was refused after all had replaced it");
  await end({ app, machine, code });
});

Deno.test("E5: a reload reads the ring once: what is in force is what was judged", STRICT, async () => {
  const { app, machine, code } = await serving(["--key-file", "ring"], { files: { ring: KEY } });
  let reads = 0;
  Object.defineProperty(machine.files, "ring", { get: () => reads++ === 0 ? `${OTHER_KEY}\n` : KEY, enumerable: true });
  const { loadKeys, reloadSettings } = app.options!;
  const shown = await loadKeys();
  await reloadSettings();
  assert.notEqual((await loadKeys()).ring.active.id, shown.ring.active.id);
  assert.equal(reads, 1);
  await end({ app, machine, code });
});

Deno.test("P3: serve starts nothing when the configuration has problems", STRICT, async () => {
  const app = new FakeApp();
  const machine = new FakeMachine({ app });
  assert.equal(await machine.run("serve", "--listen", "nowhere", "--key-file", "none"), 2);
  assert.equal(app.options, undefined);
  assert.match(machine.stderr, /^signet: 3 problems\n/);
});

Deno.test("serve exits 3 with a cure when it cannot listen, and passes bugs on", STRICT, async () => {
  const failing = (error: Error) => new FakeMachine({ app: { startApp: () => Promise.reject(error) } });
  for (
    const error of [
      new Deno.errors.AddrInUse("x"),
      new Deno.errors.AddrNotAvailable("x"),
      new Deno.errors.PermissionDenied("x"),
    ]
  ) {
    const machine = failing(error);
    assert.equal(await machine.run("serve", ...UPSTREAM), 3);
    assert.match(machine.stderr, /starting to listen: .+\n.*--listen/i);
  }
  // As Deno says it, and as Bun does, which has a code for all else.
  for (
    const said of ["failed to lookup address information: Name or service not known", "Failed to listen at no.host"]
  ) {
    const machine = failing(new Error(said));
    assert.equal(await machine.run("serve", ...UPSTREAM), 3);
    assert.match(machine.stderr, /the name does not resolve\.\n/);
  }
  await assert.rejects(failing(new Error("Failed to listen at 127.0.0.1")).run("serve", ...UPSTREAM), /127\.0\.0\.1/);
  const refused = failing(new ConfigError([{ place: "--tls-cert", problem: "it is expired", remedy: "Renew it." }]));
  assert.equal(await refused.run("serve", ...UPSTREAM), 2);
  const busy = new StoreError("foreign", "The state file s.db is a database of another program", {
    remedy: "Name another",
  });
  const unusable = failing(busy);
  assert.equal(await unusable.run("serve", ...UPSTREAM), 3);
  assert.equal(unusable.stderr, "signet: The state file s.db is a database of another program.\nName another.\n");
  await assert.rejects(failing(new RangeError("a bug")).run("serve", ...UPSTREAM), /a bug/);
});

Deno.test(
  "serve tells on a terminal where it listens, forwards, who may call, which key, and what to beware of",
  STRICT,
  async () => {
    const { app, machine, code } = await serving([], { terminal: true, env: { NO_COLOR: "1" } });
    assert.match(machine.stderr, /listens on +http:\/\/127\.0\.0\.1:8080\/mcp\n/);
    assert.match(machine.stderr, /forwards to +http:\/\/127\.0\.0\.1:3000\/mcp\n/);
    assert.match(machine.stderr, /who may call +anyone who reaches it, all as one owner\n/);
    assert.match(machine.stderr, /key +ephemeral: sessions end with this process\n/);
    assert.match(machine.stderr, /state +in memory: a restart forgets what was deleted and revoked\n/);
    assert.match(
      machine.stderr,
      /admin +http:\/\/127\.0\.0\.1:9090\/ {2}page, probes, metrics, operators' API\n/,
    );
    assert.match(machine.stderr, /! Callers may be anonymous/);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(machine.stderr, /\x1b/);
    assert.equal(machine.stdout, "");
    await end({ app, machine, code });
  },
);

Deno.test("serve tells the same in JSON lines when no terminal reads it", STRICT, async () => {
  const { app, machine, code, lines } = await serving(["--key-file", "ring"], {
    files: { ring: `${KEY},${OTHER_KEY}` },
  });
  const listening = lines().find(({ event }) => event === "listening")!;
  const { time: _, key, ...facts } = listening;
  assert.match(String(key), /^[0-9a-f]{8}$/);
  assert.deepEqual(facts, {
    level: "info",
    event: "listening",
    version: "0.1.0",
    listen: "http://127.0.0.1:8080/mcp",
    forward: "http://127.0.0.1:3000/mcp",
    callers: "anonymous",
    keys: 2,
    key_source: "ring",
    state: "memory",
    admin: "http://127.0.0.1:9090",
  });
  assert.ok(lines().some(({ event, level }) => event === "beware" && level === "warn"));
  assert.ok(!machine.stderr.includes(KEY));
  await end({ app, machine, code });
});

Deno.test("serve obeys log-format over the terminal, and log-level", STRICT, async () => {
  const json = await serving(["--log-format", "json"], { terminal: true });
  assert.equal(json.lines().at(-1)?.["event"], "listening");
  await end(json);
  const human = await serving(["--log-format", "human"]);
  assert.match(human.machine.stderr, /listens on/);
  await end(human);
  const quiet = await serving(["--log-level", "error"]);
  assert.equal(quiet.machine.stderr, "");
  await end(quiet);
});

Deno.test("serve shows no query of an upstream", STRICT, async () => {
  const app = new FakeApp();
  const machine = new FakeMachine({ app });
  const code = machine.run("serve", "--upstream", "main=http://127.0.0.1:3000/mcp?token=hunter2");
  await until(() => machine.endLauncher !== undefined, "serve to have started");
  assert.match(machine.stderr, /"forward":"main = http:\/\/127\.0\.0\.1:3000\/mcp"/);
  assert.doesNotMatch(machine.stderr, /hunter2/);
  await end({ app, machine, code });
});

for (const command of [["serve", ...UPSTREAM], ["check", ...UPSTREAM], ["keys", "list"]]) {
  Deno.test(`E6: signet ${command.join(" ")} takes a key ring from a pipe, which says it once`, STRICT, async () => {
    const app = new FakeApp();
    const machine = new FakeMachine({ app });
    let reads = 0;
    const get = () => reads++ === 0 ? `${KEY}\n` : "";
    Object.defineProperty(machine.files, "/dev/fd/63", { get, enumerable: true });
    const code = machine.run(...command, "--key-file", "/dev/fd/63");
    if (command[0] === "serve") {
      await Promise.race([code, until(() => machine.endLauncher !== undefined, "serve to have started")]);
      assert.ok(app.options !== undefined, machine.stderr);
      assert.equal((await app.options.loadKeys()).source, "/dev/fd/63");
      machine.send("SIGTERM");
      app.drained.resolve({ cutStreams: 0 });
    }
    assert.equal(await code, 0, machine.stderr);
    assert.equal(reads, 1);
  });
}

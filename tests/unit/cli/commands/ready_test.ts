import assert from "node:assert/strict";
import type { Machine } from "../../../../lib/cli/command.ts";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

/** Answers `/readyz` and remembers what was asked. */
function admin(status: number, body: string): { fetch: Machine["fetch"]; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetch: (url, init) => {
      asked.push(`${init.method ?? "GET"} ${url} ${init.redirect}`);
      return Promise.resolve(new Response(body, { status }));
    },
  };
}

Deno.test("P1: ready exits 0 when the admin listener says so", STRICT, async () => {
  const { fetch, asked } = admin(200, '{"ready":true}');
  const machine = new FakeMachine({ fetch });
  assert.equal(await machine.run("ready"), 0);
  assert.equal(machine.stdout, "ready\n");
  assert.deepEqual(asked, ["GET http://127.0.0.1:9090/readyz manual"]);
});

Deno.test("P1: ready exits 1 and tells the checks when it is not", STRICT, async () => {
  const { fetch } = admin(503, '{"ready":false,"checks":{"draining":"no","upstream":"refused\\u001b[31m"}}');
  const machine = new FakeMachine({ fetch });
  assert.equal(await machine.run("ready"), 1);
  assert.equal(machine.stdout, "not ready: draining: no; upstream: refused\\u001b[31m\n");
});

Deno.test("P1: ready --live asks for life only, which needs no MCP server", STRICT, async () => {
  const { fetch, asked } = admin(200, "ok\n");
  const machine = new FakeMachine({ fetch });
  assert.equal(await machine.run("ready", "--live"), 0);
  assert.equal(machine.stdout, "alive\n");
  assert.deepEqual(asked, ["GET http://127.0.0.1:9090/healthz manual"]);
  const dead = new FakeMachine({ fetch: admin(500, "Internal error\n").fetch });
  assert.equal(await dead.run("ready", "--live"), 1);
  assert.equal(dead.stdout, "not alive (status 500)\n");
  const absent = new FakeMachine();
  assert.equal(await absent.run("ready", "--live"), 3);
  assert.match(absent.stderr, /for a sign of life: nobody answers/);
});

Deno.test("ready exits 1 when something else answers there", STRICT, async () => {
  for (const [status, body] of [[404, "not found"], [302, ""], [500, "null"], [503, '{"checks":7}']] as const) {
    const machine = new FakeMachine({ fetch: admin(status, body).fetch });
    assert.equal(await machine.run("ready"), 1);
    assert.equal(machine.stdout, `not ready (status ${status})\n`);
    const said = status < 500 ? "signet: http://127.0.0.1:9090 is no admin listener of a Signet.\n" : "";
    assert.ok(machine.stderr.startsWith(said) && (machine.stderr === "") === (said === ""), machine.stderr);
  }
});

Deno.test("ready exits 3 when nobody answers", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run("ready"), 3);
  assert.match(machine.stderr, /asking http:\/\/127\.0\.0\.1:9090 for readiness: nobody answers/i);
});

Deno.test("ready asks a listener on every interface by its loopback address", STRICT, async () => {
  const cases: [string, string][] = [
    ["0.0.0.0:9191", "127.0.0.1:9191"],
    ["[::]:9191", "[::1]:9191"],
    ["10.0.0.1:9191", "10.0.0.1:9191"],
  ];
  for (const [address, dialled] of cases) {
    const { fetch, asked } = admin(200, "");
    assert.equal(await new FakeMachine({ fetch, env: { SIGNET_ADMIN: address } }).run("ready"), 0);
    assert.deepEqual(asked, [`GET http://${dialled}/readyz manual`]);
  }
});

Deno.test("ready asks where --admin says, by address or URL, whatever the environment has", STRICT, async () => {
  const cases: [string, string][] = [
    ["0.0.0.0:9191", "http://127.0.0.1:9191"],
    ["signet:9090", "http://signet:9090"],
    ["http://signet:9090/", "http://signet:9090"],
    ["https://admin.example", "https://admin.example"],
  ];
  for (const [given, base] of cases) {
    const { fetch, asked } = admin(200, "");
    assert.equal(await new FakeMachine({ fetch, env: { SIGNET_ADMIN: "off" } }).run("ready", "--admin", given), 0);
    assert.deepEqual(asked, [`GET ${base}/readyz manual`]);
  }
});

Deno.test("ready exits 2 when there is no address to ask", STRICT, async () => {
  for (const SIGNET_ADMIN of ["off", "127.0.0.1:0"]) {
    const machine = new FakeMachine({ env: { SIGNET_ADMIN } });
    assert.equal(await machine.run("ready"), 2);
    assert.match(machine.stderr, /SIGNET_ADMIN/);
  }
  for (const address of ["off", "127.0.0.1:0", "nonsense", "http://a/b", "http://a/?x", "ftp://a", "http://u:p@a"]) {
    const machine = new FakeMachine();
    assert.equal(await machine.run("ready", "--admin", address), 2, address);
    assert.match(machine.stderr, /--admin/);
  }
});

// Which of state file and running Signet a command acts on, and what it says when that one cannot be had.
import assert from "node:assert/strict";
import type { Machine } from "../../../../lib/cli/command.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";
import { ADMIN_TOKEN, Operators, WAYS } from "../operators.ts";

const LIST = ["token", "list"];

Deno.test("a flag decides between state file and running Signet; both are refused", STRICT, async () => {
  const operators = new Operators();
  const env = { SIGNET_STATE: "s.db", SIGNET_ADMIN: "127.0.0.1:9191", SIGNET_ADMIN_TOKEN_FILE: "admin" };
  assert.equal(await operators.run([...LIST, ...WAYS.admin], { env }), 0);
  assert.deepEqual(operators.asked, ["GET /tokens"]);
  assert.equal(await operators.run([...LIST, ...WAYS.state], { env }), 0);
  assert.deepEqual(operators.asked, ["GET /tokens"], "the state file was used");
  assert.equal(await operators.run([...LIST, ...WAYS.admin, ...WAYS.state]), 2);
  assert.match(operators.err, /--state\n {4}--admin is given too/);
});

Deno.test("without a flag it is the state file that is configured, else the running Signet", STRICT, async () => {
  const operators = new Operators();
  const admin = { SIGNET_ADMIN: "127.0.0.1:9191", SIGNET_ADMIN_TOKEN_FILE: "admin" };
  assert.equal(await operators.run(LIST, { env: { ...admin, SIGNET_STATE: "s.db" } }), 0);
  assert.deepEqual(operators.asked, []);
  assert.equal(await operators.run(LIST, { env: admin }), 0);
  assert.deepEqual(operators.asked, ["GET /tokens"]);
});

Deno.test("exit code 3 when nobody answers, with what to do", STRICT, async () => {
  const operators = new Operators();
  assert.equal(await operators.run([...LIST, "--admin", "127.0.0.1:9292"]), 3);
  assert.match(operators.err, /^signet: Asking http:\/\/127\.0\.0\.1:9292: nobody answers\.\nStart `signet serve`/);
  assert.match(operators.err, /--state\.\s*$/);
});

Deno.test("exit code 3 when a certificate is not taken, or an answer does not come, says so", STRICT, async () => {
  const faults: [unknown, RegExp][] = [
    [
      new TypeError("error sending request", { cause: new Error("invalid peer certificate: UnknownIssuer") }),
      /its certificate is of no authority that is\s+trusted\.\n/,
    ],
    [Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" }), /its certificate has expired/],
    [new DOMException("Signal timed out.", "TimeoutError"), /no answer within\s+\d+\s+s\.\n/],
    [new TypeError("connection refused"), /nobody answers\.\n/],
    // As either runtime says it.
    [
      new Error("The operation was aborted", { cause: new DOMException("", "TimeoutError") }),
      /no answer within\s+\d+\s+s\.\n/,
    ],
    [Object.assign(new Error("connect ECONNREFUSED ::1:9"), { code: "ECONNREFUSED" }), /nobody listens there/],
    [new TypeError("client error (Connect): tcp connect error: Connection refused (os error 111)"), /nobody listens/],
    [Object.assign(new Error("getaddrinfo ENOTFOUND a"), { code: "ENOTFOUND" }), /the name does not resolve/],
    [new TypeError("client error (Connect): dns error: failed to lookup address information"), /does not\s+resolve/],
    [Object.assign(new TypeError("EPROTO: The TLS handshake failed"), { code: "EPROTO" }), /speaks no\s+TLS/],
    [new TypeError("client error (Connect): received corrupt message of type InvalidContentType"), /speaks no\s+TLS/],
    [Object.assign(new Error("Parse Error: Expected HTTP/"), { code: "HPE_INVALID_CONSTANT" }), /speaks no\s+HTTP/],
    [Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }), /closed\s+without\s+an\s+answer/],
  ];
  for (const [fault, told] of faults) {
    for (const command of [["ready"], LIST]) {
      const machine = new FakeMachine({ fetch: () => Promise.reject(fault) });
      assert.equal(await machine.run(...command, "--admin", "https://signet.example"), 3);
      assert.match(machine.stderr, told);
    }
  }
});

Deno.test("what no state file can do is not told to be done on one", STRICT, async () => {
  for (const command of ["reload", "stop", "sessions"]) {
    const operators = new Operators();
    assert.equal(await operators.run([command, "--admin", "127.0.0.1:9292"]), 3);
    assert.doesNotMatch(operators.err, /--state/, command);
  }
});

Deno.test("exit code 2 when the running Signet wants a token it was not shown", STRICT, async () => {
  const operators = new Operators();
  assert.equal(await operators.run([...LIST, "--admin", "127.0.0.1:9191"]), 2);
  assert.match(operators.err, /this API wants the admin token\.\nGive --admin-token-file/);
});

Deno.test("exit code 3 when what answers is no Signet's API", STRICT, async () => {
  const answers: [string, number][] = [
    ["Not found", 404],
    ["<html>", 200],
    ["", 302],
    ["[]", 500],
    ['{"error":"x"}', 400],
    // Where it listens for clients: the address that is taken for the other most.
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Not found: the MCP endpoint is /mcp"}}', 404],
    ["null", 200],
  ];
  for (const [body, status] of answers) {
    const fetch: Machine["fetch"] = () => Promise.resolve(new Response(body, { status }));
    const machine = new FakeMachine({ fetch });
    assert.equal(await machine.run(...LIST), 3, `${status} ${body}`);
    assert.match(machine.stderr, new RegExp(`no operators' API of Signet \\(status ${status}\\)`));
  }
});

Deno.test("what an API says drives no terminal", STRICT, async () => {
  const body = JSON.stringify({ error: { message: "\x1b[2Jgone", remedy: "do\x07 it" } });
  const machine = new FakeMachine({ fetch: () => Promise.resolve(new Response(body, { status: 503 })) });
  assert.equal(await machine.run(...LIST), 3);
  assert.equal(machine.stderr, "signet: \\u001b[2Jgone.\ndo\\u0007 it.\n");
  const tokens = [{ sid: "s\x1b[31m", agent: "a\u202eb", expiresAtS: 1 }];
  const list = new FakeMachine({
    terminal: true,
    fetch: () => Promise.resolve(Response.json({ tokens, more: false })),
  });
  assert.equal(await list.run(...LIST), 0);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(list.stdout, /[\x00-\x09\x0b-\x1f\u202e]/);
});

Deno.test("the admin token goes in one field, follows no redirect, and is warned of in the clear", STRICT, async () => {
  const seen: [string, RequestInit][] = [];
  const fetch: Machine["fetch"] = (url, init) => {
    seen.push([url, init]);
    return Promise.resolve(Response.json({ tokens: [], more: false }));
  };
  const files = { admin: `${ADMIN_TOKEN}\n` };
  const ask = async (where: string) => {
    const machine = new FakeMachine({ fetch, files });
    assert.equal(await machine.run(...LIST, "--admin", where, "--admin-token-file", "admin"), 0, machine.stderr);
    return machine.stderr;
  };
  assert.equal(await ask("127.0.0.1:9090"), "");
  assert.equal(await ask("https://signet.example"), "");
  assert.equal(await ask("signet:9090"), "! The admin token goes to http://signet:9090 in the clear.\n");
  const [url, init] = seen[0]!;
  assert.equal(url, "http://127.0.0.1:9090/tokens?limit=1000");
  assert.deepEqual([init.redirect, init.headers], ["manual", { authorization: `Bearer ${ADMIN_TOKEN}` }]);
});

Deno.test("a state file that is not there is a mistake, except for issuing the first token", STRICT, async () => {
  const files = { secrets: btoa("s".repeat(32)), keys: btoa("k".repeat(32)) };
  for (const argv of [LIST, ["token", "revoke", "sid"], ["revoke", "--all"]]) {
    const machine = new FakeMachine({ files });
    assert.equal(await machine.run(...argv, "--state", "typo.db"), 2, argv.join(" "));
    assert.match(machine.stderr, /there is no state file typo\.db/i);
    assert.equal(machine.states.size, 0);
  }
  const machine = new FakeMachine({ files });
  const issue = ["token", "issue", "--agent", "a", "--state", "new.db", "--token-secret-file", "secrets"];
  assert.equal(await machine.run(...issue), 0, machine.stderr);
  assert.deepEqual([[...machine.states.keys()], machine.openStates], [["new.db"], 0]);
});

Deno.test(
  "exit code 3 when the state file cannot be used, in the store's own words; it is closed",
  STRICT,
  async () => {
    const operators = new Operators();
    const busy = new StoreError("busy", "The state file s.db could not be used: another process held it too long", {
      remedy: "Try again",
    });
    const failing = () => {
      throw busy;
    };
    const { tokens, revocations } = operators.store;
    const states = {
      "s.db": {
        ...operators.store,
        tokens: { ...tokens, list: failing },
        revocations: { ...revocations, head: failing },
      },
    };
    for (const argv of [LIST, ["revoke", "--all"]]) {
      const machine = new FakeMachine({ states: states as never });
      assert.equal(await machine.run(...argv, "--state", "s.db"), 3, machine.stderr);
      assert.equal(machine.stderr, `signet: ${busy.message.slice(0, -11)}.\nTry again.\n`);
      assert.equal(machine.openStates, 0);
    }
  },
);

Deno.test("the state file is closed whatever happens", STRICT, async () => {
  const operators = new Operators();
  const runs = [LIST, ["revoke", "nonsense", "--key-file", "keys"], ["revoke", "--all"]];
  for (const argv of runs) {
    await operators.run([...argv, ...WAYS.state]);
    assert.equal(operators.machine.openStates, 0);
  }
});

import assert from "node:assert/strict";
import { startApp } from "../../../../lib/app/app.ts";
import { type Reached, ReachError } from "../../../../lib/platform/network/reach.ts";
import { FakeMcp } from "../../../support/fake_mcp.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { FakeMachine, type MachineOptions } from "../fake_machine.ts";
import { KEYS } from "../operators.ts";

const REACHED: Reached = { attempts: [{ address: "127.0.0.1", code: undefined }], certificate: undefined };
const FILES = { keys: KEYS, bearer: "hunter2-bearer\n" };
/** Nothing listens there: the looks at a running Signet find none. */
const FLAGS = ["--key-file", "keys", "--listen", "127.0.0.1:2"];

/** The doctor on a machine whose Signet, servers and connections are real; what is reached besides is not. */
async function examine(command: string, flags: readonly string[], options: MachineOptions = {}) {
  const machine = new FakeMachine({
    ...{ files: FILES, app: { startApp }, reach: () => Promise.resolve(REACHED), fetch },
    ...options,
  });
  machine.nowMs = Date.now();
  const code = await machine.run(command, ...FLAGS, ...flags);
  assert.doesNotMatch(machine.stdout + machine.stderr, /hunter2/);
  return { code, out: machine.stdout, err: machine.stderr };
}

function initialized(name: string) {
  return { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name, version: name } };
}

/** A server with one tool. */
function withTool(): FakeMcp {
  const mcp = new FakeMcp();
  mcp.onRequest = ({ body }) => {
    if (!body.includes('"tools/list"')) return undefined;
    return Response.json({
      jsonrpc: "2.0",
      id: JSON.parse(body).id,
      result: { tools: [{ name: "a", inputSchema: {} }] },
    });
  };
  return mcp;
}

Deno.test("V2: doctor tells of listeners at addresses that this machine does not have", STRICT, async () => {
  await using mcp = withTool();
  const { code, out } = await examine("doctor", ["--upstream", mcp.url], { addresses: [] });
  assert.equal(code, 1);
  for (const [flag, address] of [["--listen", "127.0.0.1:2"], ["--admin", "127.0.0.1:9090"]]) {
    const cure = `Choose an address of this machine for ${flag}.`;
    assert.match(out, new RegExp(`FAIL +listener +${address}: this machine has no such address\n +${cure}\n`));
  }
});

Deno.test("V2: doctor tells an answer without a list of tools from no answer", STRICT, async () => {
  const answers: [result: object, told: RegExp][] = [
    [{ result: { content: [] } }, /FAIL +tools +tools\/list: found a result without a list of tools\n/],
    [{ error: { code: -32603, message: "broken" } }, /FAIL +tools +tools\/list: status 200, broken\n/],
  ];
  for (const [answer, told] of answers) {
    await using mcp = new FakeMcp();
    mcp.onRequest = ({ body }) => {
      if (!body.includes('"tools/list"')) return undefined;
      return Response.json({ jsonrpc: "2.0", id: JSON.parse(body).id, ...answer });
    };
    const { code, out } = await examine("doctor", ["--upstream", mcp.url]);
    assert.equal(code, 1);
    assert.match(out, told);
  }
});

Deno.test("V2: doctor opens a session as a client would, lists, ends it, and finds nothing wrong", STRICT, async () => {
  await using mcp = withTool();
  for (const command of ["doctor", "check"]) {
    const probe = command === "check" ? ["--probe"] : [];
    const { code, out, err } = await examine(command, ["--upstream", mcp.url, "--bearer-file", "bearer", ...probe]);
    assert.equal(code, 0, out + err);
    assert.match(out, /ok +server +http:\/\/127\.0\.0\.1:\d+\/mcp: reached at 127\.0\.0\.1/);
    assert.match(out, /ok +handshake +initialize: .+ speaks 2025-11-25/);
    assert.match(out, /ok +tools /);
    assert.match(out, /ok +end +the session was ended again/);
    assert.match(out, /nothing is wrong/);
    assert.equal(mcp.received("POST", "initialize").at(-1)!.headers.get("authorization"), "Bearer hunter2-bearer");
    assert.equal(mcp.received("DELETE").length, command === "doctor" ? 1 : 2);
    assert.equal(mcp.sessions.size, 0, "nothing is left behind");
  }
});

Deno.test("M6: what a server says of itself, or refuses with, fills no terminal", STRICT, async () => {
  const long = "n".repeat(1_000_000);
  for (const answer of [{ result: initialized(long) }, { error: { code: -32603, message: long } }]) {
    await using mcp = new FakeMcp();
    mcp.onRequest = ({ body }) => {
      const { id, method } = JSON.parse(body || "{}");
      return method === "initialize" ? Response.json({ jsonrpc: "2.0", id, ...answer }) : undefined;
    };
    for (const form of [[], ["--json"]]) {
      const { out } = await examine("doctor", ["--upstream", mcp.url, ...form]);
      assert.match(out, /handshake/);
      assert.ok(out.length < 10_000, `${out.length} characters`);
    }
  }
});

Deno.test("V2: doctor tells what the first client would meet, with the cure, and exits 1", STRICT, async () => {
  await using mcp = new FakeMcp();
  const cases: [answer: () => Response, found: RegExp][] = [
    [
      () => new Response("<html>", { status: 404 }),
      /FAIL +handshake .*no MCP server answers[\s\S]*Correct the path of --upstream/,
    ],
    [
      () => Response.json({ jsonrpc: "2.0", id: 1, error: { code: -32603, message: "broken" } }, { status: 500 }),
      /FAIL +handshake .*status 500, broken/,
    ],
    [() => new Response("not json", { headers: { "content-type": "text/plain" } }), /FAIL +handshake .*502/],
  ];
  for (const [answer, found] of cases) {
    mcp.onRequest = (request) => request.method === "POST" ? answer() : undefined;
    const { code, out } = await examine("doctor", ["--upstream", mcp.url]);
    assert.equal(code, 1, out);
    assert.match(out, found);
  }
  mcp.onRequest = () => new Response("no", { status: 401, headers: { "www-authenticate": "Bearer" } });
  const { code, out } = await examine("doctor", ["--upstream", mcp.url]);
  assert.equal(code, 0, "a credential is the clients' to bring");
  assert.match(out, /warn +handshake +the server wants a credential/);
});

Deno.test("V2: doctor names the one of several servers that is away", STRICT, async () => {
  await using mcp = withTool();
  const { code, out } = await examine("doctor", [
    "--upstream",
    `a=${mcp.url}`,
    "--upstream",
    "b=http://127.0.0.1:1/mcp",
  ], {
    reach: ({ port }) =>
      port === 1 ? Promise.reject(new ReachError("connection", "ECONNREFUSED")) : Promise.resolve(REACHED),
  });
  assert.equal(code, 1, out);
  assert.match(out, /FAIL +server b +http:\/\/127\.0\.0\.1:1\/mcp: nobody takes the connection \(ECONNREFUSED\)/);
  assert.match(out, /ok +handshake/);
  assert.match(out, /warn +server b /);
});

Deno.test("V2: doctor knows a server without sessions", STRICT, async () => {
  await using mcp = new FakeMcp();
  mcp.onRequest = (request) => {
    if (request.method !== "POST") return undefined;
    const { id, method } = JSON.parse(request.body);
    if (method === "initialize") {
      return Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } });
    }
    const result = method === "tools/list"
      ? { tools: [{ name: "a", inputSchema: {} }] }
      : { supportedVersions: ["2026-07-28"] };
    return Response.json({ jsonrpc: "2.0", id, result: { resultType: "complete", ...result } });
  };
  const { code, out } = await examine("doctor", ["--upstream", mcp.url]);
  assert.equal(code, 0, out);
  assert.match(out, /ok +handshake +initialize/);
  assert.match(out, /ok +era +a server without sessions, of revision 2026-07-28/);
  assert.match(out, /ok +tools +1 listed/);
});

Deno.test("V2: doctor touches nothing of a Signet that runs: no state, no audit log, no store", STRICT, async () => {
  await using mcp = withTool();
  await using folder = await TempFolder.create();
  const [state, audit] = [`${folder.path}/state.db`, `${folder.path}/audit.log`];
  const files = ["--upstream", mcp.url, "--state", state, "--audit", audit];
  const withFiles = await examine("doctor", files);
  assert.match(withFiles.out, /ok +handshake/);
  const withStore = await examine("doctor", ["--upstream", mcp.url, "--store", "redis://127.0.0.1:1"]);
  assert.match(withStore.out, /ok +handshake/);
  assert.match(withStore.out, /store +127\.0\.0\.1:1: reached/);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("V2: doctor does not use up a refresh token", STRICT, async () => {
  await using mcp = new FakeMcp();
  const { out } = await examine("doctor", [
    ...["--upstream", mcp.url, "--credential", "refresh-token", "--credential-client-id", "c"],
    ...["--credential-token-url", "https://issuer.example/token", "--credential-refresh-token-file", "bearer"],
  ]);
  assert.match(out, /skip +handshake/, out);
  assert.equal(mcp.received("POST").length, 0);
});

Deno.test("V2: doctor tells every problem of a configuration, and tries nothing then", STRICT, async () => {
  const { code, out } = await examine("doctor", ["--upstream", "nonsense", "--session-ttl", "never"]);
  assert.equal(code, 1);
  assert.match(out, /FAIL +configuration +--upstream/);
  assert.match(out, /FAIL +configuration +--session-ttl/);
});

Deno.test("V2: doctor writes JSON lines when asked to, and fits any terminal", STRICT, async () => {
  await using mcp = withTool();
  const { out } = await examine("doctor", ["--upstream", mcp.url, "--json"]);
  const findings = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(findings.some(({ what, verdict }) => what === "handshake" && verdict === "ok"));
  for (const columns of [40, 59, 80, 200]) {
    const narrow = await examine("doctor", ["--upstream", mcp.url], { terminal: true, columns });
    // deno-lint-ignore no-control-regex
    for (const line of narrow.out.replaceAll(/\x1b\[\d+m/g, "").split("\n")) assert.ok(line.length <= columns, line);
  }
});

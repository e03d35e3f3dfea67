// What Signet refuses to start with, and what it says then: the real program, and its exit code (E6, O6, P3, T4).
import assert from "node:assert/strict";
import { openSqliteStore } from "../../lib/store/sqlite/sqlite.ts";
import { needing } from "../support/programs.ts";
import { signetCli } from "../support/signet_cli.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const SERVE = ["serve", "--upstream", "http://127.0.0.1:9/mcp", "--listen", "127.0.0.1:0", "--admin", "off"];
const KEY = new Uint8Array(32).fill(7).toBase64();

const BAD_RINGS: [what: string, ring: string, told: RegExp][] = [
  ["that are no base64", "not base64!", /base64/],
  ["of the wrong length", new Uint8Array(31).toBase64(), /31/],
  ["that stand twice", `${KEY},${KEY}`, /stands at .* already/],
];

for (const [what, ring, told] of BAD_RINGS) {
  Deno.test(`E6: Signet refuses to start with keys ${what}, and shows none`, STRICT, async () => {
    const { code, out, err } = await signetCli(SERVE, { env: { MCP_ENCRYPTION_KEY: ring } });
    assert.equal(code, 2, err);
    assert.match(err, told);
    assert.match(err, /MCP_ENCRYPTION_KEY/);
    for (const key of ring.split(",")) assert.ok(!`${out}${err}`.includes(key));
  });
}

Deno.test("O6: Signet refuses to start for anonymous callers beyond loopback", STRICT, async () => {
  const beyond = ["--listen", "0.0.0.0:0", "--allow-host", "mcp.example"];
  const { code, err } = await signetCli(["serve", "--upstream", "http://127.0.0.1:9/mcp", ...beyond]);
  assert.equal(code, 2, err);
  assert.match(err, /--unsafe-anonymous/);
  const allowed = await signetCli(["check", "--upstream", "http://127.0.0.1:9/mcp", ...beyond, "--unsafe-anonymous"]);
  assert.equal(allowed.code, 0, allowed.err);
  assert.match(allowed.out, /protects\s+nobody/);
});

Deno.test(
  "P3 V2: check and doctor tell of a state file that serve would not start on, and touch nothing",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    const path = `${folder.path}/s.db`;
    await Deno.writeTextFile(path, "no database\n", { mode: 0o600 });
    const [, ...flags] = [...SERVE, "--state", path];
    const serve = await signetCli(["serve", ...flags]);
    assert.equal(serve.code, 3, serve.err);
    for (const command of ["check", "doctor"]) {
      const { code, out } = await signetCli([command, ...flags]);
      assert.equal(code, 1, out);
      assert.match(out.replace(/\s+/g, " "), /s\.db is not a SQLite database.* Name another file/);
    }
    assert.equal(await Deno.readTextFile(path), "no database\n");
    const both = await signetCli(["check", "--state", path, "--", "no-such-program"]);
    assert.match(both.out, /^signet: 2 problems\n/);
  },
);

Deno.test("P3 V2: check and doctor tell of an audit log that serve would not go on with", STRICT, async () => {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/audit.jsonl`;
  await Deno.writeTextFile(path, "no log\n", { mode: 0o600 });
  const [, ...flags] = [...SERVE, "--audit", path];
  const told = /audit\.jsonl does not end as one of Signet's does\. Name a file in a folder/i;
  const serve = await signetCli(["serve", ...flags]);
  assert.equal(serve.code, 2, serve.err);
  assert.match(serve.err.replace(/\s+/g, " "), told);
  for (const command of ["check", "doctor"]) {
    const { code, out } = await signetCli([command, ...flags]);
    assert.equal(code, 1, out);
    assert.match(out.replace(/\s+/g, " "), command === "check" ? told : /FAIL audit log .*does not end as one of/);
  }
  assert.equal(await Deno.readTextFile(path), "no log\n");
  await Deno.remove(path);
  assert.equal((await signetCli(["check", ...flags])).code, 0, "it will be made");
});

const SETPRIV = await needing(Deno.uid() === 0 ? ["setpriv"] : [], "what an ordinary user may not write");

/** Files that are there and may not be written, or not even read: who would start on one would serve, and revoke nothing. */
const NOT_WRITABLE: readonly (readonly [what: string, mode: number, beside: string])[] = [
  ["it may only read", 0o400, ""],
  ["it may not even read", 0, ""],
  ["whose log is not its own", 0, "-wal"],
];
for (const [what, mode, beside] of NOT_WRITABLE) {
  Deno.test(
    `P3 V2: an ordinary user's serve, check and doctor tell of a state file ${what}`,
    { ...STRICT, ...SETPRIV },
    async () => {
      await using folder = await TempFolder.create();
      const path = `${folder.path}/s.db`;
      await openSqliteStore(path).close();
      await Deno.writeTextFile(path + beside, "", { append: true });
      await Deno.chmod(path + beside, mode);
      const [, ...flags] = [...SERVE, "--state", path];
      const serve = await signetCli(["serve", ...flags], { isOrdinary: true });
      assert.equal(serve.code, 3, serve.err);
      assert.match(serve.err.replace(/\s+/g, " "), /state file .*s\.db could not be opened/);
      for (const command of ["check", "doctor"]) {
        const { code, out } = await signetCli([command, ...flags], { isOrdinary: true });
        assert.equal(code, 1, out);
        const told = new RegExp(
          `s\\.db${beside} cannot be read and written by this user.* Make the user Signet runs as`,
        );
        assert.match(out.replace(/\s+/g, " "), told);
      }
    },
  );
}

Deno.test(
  "P3 V2: an ordinary user's serve, check and doctor tell of an audit log that it may not write",
  { ...STRICT, ...SETPRIV },
  async () => {
    await using folder = await TempFolder.create();
    const path = `${folder.path}/audit.jsonl`;
    await Deno.writeTextFile(path, "", { mode: 0o400 });
    const [, ...flags] = [...SERVE, "--audit", path];
    for (const command of ["serve", "check", "doctor"]) {
      const { code, out, err } = await signetCli([command, ...flags], { isOrdinary: true });
      assert.equal(code, command === "serve" ? 2 : 1, out);
      assert.match(`${out}${err}`.replace(/\s+/g, " "), /audit\.jsonl cannot be .*written.* Name a file in a folder/);
    }
  },
);

Deno.test("P3: every problem of a configuration is told at once, each with its place", STRICT, async () => {
  const flags = ["--listen", "nowhere", "--session-ttl", "5 parsecs", "--no-such-flag"];
  const env = { SIGNET_MAX_SESSIONS: "many", SIGNET_SESION_IDLE: "1m" };
  const { code, err } = await signetCli(["serve", ...flags], { env });
  assert.equal(code, 2, err);
  for (
    const place of ["--listen", "--session-ttl", "--no-such-flag", "SIGNET_MAX_SESSIONS", "SIGNET_SESION_IDLE"]
  ) assert.ok(err.includes(place), `${place} in ${err}`);
  assert.match(err, /SIGNET_SESSION_IDLE/, "the name that was meant");
});

Deno.test("T4: Signet refuses to start with a token secret below 32 bytes, and does not show it", STRICT, async () => {
  await using folder = await TempFolder.create();
  const secret = new Uint8Array(31).fill(7).toBase64();
  const file = `${folder.path}/secret`;
  await Deno.writeTextFile(file, secret, { mode: 0o600 });
  const { code, out, err } = await signetCli([...SERVE, "--principal", "token", "--token-secret-file", file]);
  assert.equal(code, 2, err);
  assert.match(err, /at least 32/);
  assert.ok(err.includes(file), "names the file");
  assert.ok(!`${out}${err}`.includes(secret));
});

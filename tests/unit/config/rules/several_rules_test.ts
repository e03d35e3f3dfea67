// Several MCP servers as a configuration: names, credentials, and what means nothing without several.
import assert from "node:assert/strict";
import { membersIn } from "../../../../lib/config/rules/several_rules.ts";
import { STRICT } from "../../../support/strict.ts";
import { load, problemLines, warningsOf } from "../sources.ts";

const several = (...flags: string[]) => ({
  argv: ["--upstream", "files=http://127.0.0.1:3001/mcp", "--upstream", "memory=stdio:npx -y memory", ...flags],
});

Deno.test("A8: a member's credential is for one that is named, over HTTP, and there", STRICT, async () => {
  assert.deepEqual(await problemLines(several("--member-credential", "files=client")), []);
  assert.deepEqual(await problemLines(several("--member-credential", "nobody=client")), [
    "--member-credential: no MCP server is named nobody",
  ]);
  assert.deepEqual(await problemLines(several("--member-credential", "memory=client")), [
    "--member-credential: memory is a stdio server",
  ]);
  assert.deepEqual(await problemLines(several("--member-credential", "files=signet")), [
    "--member-credential: files is to get a credential of Signet's, and there is none",
  ]);
  assert.match(
    (await problemLines(several("--member-credential", "files=file"))).join(),
    /names no server's credential/,
  );
});

Deno.test("A7: a server's name alone is no pattern: it would deny nothing of it", STRICT, async () => {
  for (const flag of ["deny-tool", "deny-prompt", "deny-resource"]) {
    assert.deepEqual(await problemLines(several(`--${flag}`, "files/")), [
      `--${flag}: this names a server, and nothing of it`,
    ]);
  }
  assert.deepEqual(await problemLines(several("--deny-resource", "file:///a/")), []);
});

Deno.test("A7: a pattern for a server that is not there is refused, whatever it allows or denies", STRICT, async () => {
  for (const flag of ["allow-tool", "deny-tool", "allow-prompt", "deny-prompt", "allow-resource", "deny-resource"]) {
    assert.deepEqual(await problemLines(several(`--${flag}`, "fles/delete_*")), [
      `--${flag}: no MCP server is named fles`,
    ]);
    for (const pattern of ["files/delete_*", "memory/*", "delete_*", "*fles/delete_*", "file:///tmp/*", "/etc/*"]) {
      assert.deepEqual(await problemLines(several(`--${flag}`, pattern)), [], pattern);
    }
  }
});

Deno.test("A7: a pattern in the words that clients see is told to be none of a server's own", STRICT, async () => {
  for (const flag of ["allow-tool", "deny-tool", "allow-prompt", "deny-prompt"]) {
    assert.match(
      await warningsOf(several(`--${flag}`, "memory_delete_*")),
      new RegExp(`--${flag} memory_delete_\\* is held against .* write memory/delete_\\*\\.`),
    );
    assert.doesNotMatch(await warningsOf(several(`--${flag}`, "memory/delete_*,delete_*")), /is held against/);
  }
  const dashed = several("--name-separator=--", "--deny-tool", "memory--delete_*,memory_x");
  assert.match(await warningsOf(dashed), /write memory\/delete_\*/);
  assert.doesNotMatch(await warningsOf(dashed), /memory_x/);
});

Deno.test("A1: a server without a name is called by its host, and each has a name of its own", STRICT, async () => {
  const argv = [
    "--upstream",
    "https://weather.example/mcp",
    "--upstream",
    "http://127.0.0.1:1/mcp",
    "--upstream",
    "http://[::1]:2/mcp",
  ];
  const { settings } = await load({ argv });
  const names = membersIn(settings.upstreams.filter(({ url }) => !url.includes(":3000"))).map(({ prefixName }) =>
    prefixName
  );
  assert.deepEqual(names.sort(), ["server_1", "server_2", "weather"]);
});

Deno.test("O5: ids are adopted from one server only, and stdio servers have names of their own", STRICT, async () => {
  assert.match((await problemLines(several("--adopt"))).join(), /an id of one server's is none of theirs/);
  assert.match(
    (await problemLines(several("--upstream", "memory=stdio:other"))).join(),
    /two commands are named memory/,
  );
});

// docs/guides/audit.md names every member that a line of the audit log can have.
import assert from "node:assert/strict";
import { STRICT } from "../../support/strict.ts";

const read = (path: string) => Deno.readTextFile(new URL(`../../../${path}`, import.meta.url));

Deno.test("the guide's table names each member of an audit line", STRICT, async () => {
  const source = await read("lib/audit/audit_line.ts");
  const written = [...source.matchAll(/new Member\("(\w+)"\)|,"(\w+)":/g)].map(([, member, name]) => member ?? name!);
  assert.ok(written.length > 25, `found ${written.length} members`);
  const rows = (await read("docs/guides/audit.md")).split("\n").filter((line) => line.startsWith("| "));
  const told = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  // Members of `actor`, which its row explains.
  const ofActor = ["iss", "sub", "client"];
  assert.deepEqual([...new Set(written)].filter((name) => !told.includes(name) && !ofActor.includes(name)), []);
});

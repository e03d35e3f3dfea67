// What an operator looks with, as it is installed: status, sessions, tap and doctor of the real program against the real
// program, and the page out of the executable.
import assert from "node:assert/strict";
import { Scene } from "../support/operators_scene.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

async function isWatched({ signet }: Scene): Promise<boolean> {
  const page = await (await fetch(`${signet.adminUrl}/metrics`)).text();
  return page.includes('signet_map_entries{map="feeds"} 1\n');
}

Deno.test("V2 V3 V4: status, sessions, tap and doctor see the running Signet", STRICT, async () => {
  await using scene = await Scene.start({ adminToken: true });
  const token = ["--admin-token-file", `${scene.folder}/admin`];
  const issued = (await scene.ok(["token", "issue", "--agent", "a", ...scene.admin, ...token])).out.trim();
  const held = await scene.open(issued);
  assert.equal((await scene.call(held)).status, 200);

  const state = await scene.ok(["status", "--json", ...scene.admin]);
  const [anyone] = state.json<{ access: string; sessions: { opened: number } }>();
  assert.deepEqual([anyone!.access, anyone!.sessions.opened], ["anyone", 1]);
  assert.match((await scene.ok(["status", ...scene.admin, ...token])).out, /^signet \S+ · up .* · READY\n/);
  const [session] = (await scene.ok(["sessions", ...scene.admin, ...token])).json<{ hash: string; caller: unknown }>();
  assert.deepEqual(session!.caller, { issuer: "signet:token", subject: "a" });

  // The tap takes its time to start: calls go on until it has said so, by way of the log of what was asked.
  const tapping = scene.ok(["tap", session!.hash, ...scene.admin, ...token]);
  let calls = 0;
  await until(async () => {
    assert.equal((await scene.call(held)).status, 200);
    return ++calls >= 2 && await isWatched(scene);
  }, "the session is watched");
  assert.equal((await scene.call(held)).status, 200);
  await scene.ok(["revoke", "--hash", session!.hash, ...scene.admin, ...token]);
  const tapped = (await tapping).json<{ method?: string; name?: string; ended?: string }>();
  assert.ok(tapped.some(({ method, name }) => method === "tools/call" && name === "echo"), JSON.stringify(tapped));
  assert.deepEqual(tapped.at(-1), { ended: "revoked" });

  const examined = await scene.run(["doctor", "--upstream", scene.upstream.url, "--json"]);
  const findings = examined.json<{ what: string; verdict: string }>();
  for (const what of ["program", "configuration", "server", "handshake", "end"]) {
    assert.ok(findings.some((found) => found.what === what && found.verdict === "ok"), `${what}: ${examined.out}`);
  }
  assert.match((await scene.ok(["explain", "owner_mismatch"])).out, /^owner_mismatch/);
});

Deno.test("V3: the page and all of its files come out of the program", STRICT, async () => {
  await using scene = await Scene.start();
  for (const path of ["/", "/page/page.js", "/page/api.js", "/page/page.css", "/page/icon.svg"]) {
    const response = await fetch(`${scene.signet.adminUrl}${path}`);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-security-policy")!, /default-src 'none'/);
    const file = path === "/" ? "index.html" : path.slice("/page/".length);
    assert.equal(
      await response.text(),
      await Deno.readTextFile(new URL(`../../lib/admin/page/${file}`, import.meta.url)),
    );
  }
});

// main.ts as a process: exit codes and streams are the operating system's, so only a process shows them.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

async function signet(args: string[], env: Record<string, string> = {}, stdin = "") {
  const { code, stdout: out, stderr: err } = await runBounded(Deno.execPath(), {
    what: `signet ${args[0]}`,
    deadlineMs: 60_000,
    args: ["run", "-A", MAIN, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin,
  });
  return { code, out, err };
}

Deno.test("signet exits with the command's code and keeps its streams apart", STRICT, async () => {
  const version = await signet(["--version"]);
  assert.deepEqual([version.code, version.err], [0, ""]);
  assert.match(version.out, /^signet \d+\.\d+\.\d+\n$/);
  const wrong = await signet(["serve"], { SIGNET_LISTN: "x" });
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  assert.match(wrong.err, /Did you mean SIGNET_LISTEN\?/);
});

Deno.test("signet reads files, standard input and permissions of the machine", STRICT, async () => {
  await using temp = await TempFolder.create();
  const folder = temp.path;
  const made = await signet(["keys", "new"]);
  await Deno.writeTextFile(`${folder}/key`, made.out, { mode: 0o644 });
  await Deno.chmod(`${folder}/key`, 0o644);
  const listed = await signet(["keys", "list", "--key-file", `${folder}/key`]);
  assert.equal(listed.code, 0);
  assert.match(listed.out, /^[0-9a-f]{8} {2}seals and opens/);
  assert.match(listed.err, /other users can read .*key \(mode 0644\)/);
  const inspected = await signet(["inspect", "-", "--key-file", `${folder}/key`], {}, "nonsense\n");
  assert.equal(inspected.code, 1);
  assert.match(inspected.err, /does not open/);
  const state = (name: string) => signet(["check", "--upstream", "http://127.0.0.1:3000/mcp", "--state", name]);
  assert.equal((await state(`${folder}/s.db`)).code, 0);
  const inNoFolder = await state(`${folder}/none/s.db`);
  assert.equal(inNoFolder.code, 1);
  assert.match(inNoFolder.out, /--state\n {4}Its folder is not there\./);
  assert.match((await state(folder)).out, /--state\n {4}This is a directory\./);
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["key"], "checking leaves nothing behind");
  const directory = await signet(["keys", "list", "--key-file", folder]);
  assert.equal(directory.code, 2);
  assert.match(directory.err, /This is a directory/);
});

Deno.test("signet asks a running Signet past any proxy of the environment", STRICT, async () => {
  const serve = (hostname: string, answer: string) =>
    Deno.serve({ hostname, port: 0, onListen: () => {} }, () => new Response(answer));
  await using proxy = serve("127.0.0.1", "");
  const env = Object.fromEntries(
    ["HTTP_PROXY", "http_proxy"].map((name) => [name, `http://127.0.0.1:${proxy.addr.port}`]),
  );
  for (const hostname of ["127.0.0.1", "::1"]) {
    await using server = serve(hostname, '{"sessions":[],"total":0}');
    const base = `http://${hostname === "::1" ? "[::1]" : hostname}:${server.addr.port}`;
    const { code, err } = await signet(["sessions", "--admin", base], env);
    assert.deepEqual([code, err], [0, ""]);
  }
});

Deno.test("signet ends in peace when nobody reads its output any more", {
  ...STRICT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const script = `"$1" run -A "$2" serve --help | head -n 1; exit \${PIPESTATUS[0]}`;
  const { code, stdout, stderr } = await runBounded("bash", {
    what: "signet serve --help | head",
    deadlineMs: 60_000,
    args: ["-c", script, "bash", Deno.execPath(), MAIN],
  });
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^signet serve:/);
});

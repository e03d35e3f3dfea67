// The executable is Signet and nothing else, whatever folder and environment it is started in. Only with SIGNET_BIN.
import assert from "node:assert/strict";
import { runBounded } from "../../scripts/bounded_child.ts";
import { endOverdue } from "../support/overdue.ts";
import { TempFolder } from "../support/temp_folder.ts";

const { SIGNET_BIN } = Deno.env.toObject();
if (SIGNET_BIN === undefined) {
  console.warn("%cNOT PROVEN: that the executable is only Signet, because SIGNET_BIN names none", "color: red");
}
const options = { ignore: SIGNET_BIN === undefined };

async function run(args: readonly string[], env: Record<string, string> = {}, cwd = "/") {
  const { code, stdout, stderr } = await runBounded(SIGNET_BIN!, {
    ...{ what: `signet ${args.join(" ")}`, deadlineMs: 60_000 },
    ...{ args: [...args], cwd, env, clearEnv: true },
  });
  return { code, text: stdout + stderr };
}

Deno.test("it says what it is made of", options, async () => {
  const { code, text } = await run(["--version", "--verbose"]);
  assert.equal(code, 0, text);
  assert.match(text, /^signet \d+\.\d+\.\d+\n {2}runtime {4}(bun|deno) \d/);
  assert.match(text, /\n {2}target {5}\S+\n {2}commit {5}\S/);
});

Deno.test("no variable of the runtime's makes it run anything else", options, async () => {
  await using folder = await TempFolder.create();
  const preload = `${folder.path}/evil.js`;
  await Deno.writeTextFile(preload, 'console.log("EVIL")');
  for (
    const env of [
      { BUN_BE_BUN: "1" },
      { BUN_OPTIONS: `--preload ${preload}` },
      { BUN_INSPECT: "127.0.0.1:0/x" },
      { BUN_INSPECT_PRELOAD: preload },
      { NODE_OPTIONS: `--require ${preload}` },
    ] as Record<string, string>[]
  ) {
    for (const args of [["--version"], ["-e", 'console.log("EVIL")'], ["run", preload]]) {
      const { text } = await run(args, env);
      assert.match(
        text,
        args[0] === "--version" ? /^signet \d+\.\d+\.\d+\n$/ : /^signet: /,
        JSON.stringify({ args, env }),
      );
      assert.doesNotMatch(text, /EVIL/, JSON.stringify({ args, env }));
    }
  }
});

Deno.test("it refuses variables of the runtime's that it cannot switch off", options, async () => {
  const { text: about } = await run(["--version", "--verbose"]);
  if (!about.includes("runtime    bun")) return;
  for (const name of ["BUN_CONFIG_VERBOSE_FETCH", "BUN_JSC_useJIT", "NODE_TLS_REJECT_UNAUTHORIZED"]) {
    const { code, text } = await run(["--version"], { [name]: "0" });
    assert.equal(code, 2, text);
    assert.match(text, new RegExp(`found ${name} in the\\s+environment`));
  }
  assert.equal((await run(["--version"], { BUN_INSTALL: "/root/.bun" })).code, 0);
});

Deno.test(
  "it reads no .env, bunfig.toml, deno.json or package.json of the folder it is started in",
  options,
  async () => {
    await using folder = await TempFolder.create();
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder.path}/${name}`, text);
    await write("evil.js", 'console.log("EVIL")');
    await write(".env", "SIGNET_NO_SUCH_SETTING=1\nNODE_TLS_REJECT_UNAUTHORIZED=0\n");
    await write("bunfig.toml", 'preload = ["./evil.js"]\n');
    await write("deno.json", "{ broken");
    await write("package.json", "{ broken");
    await write("tsconfig.json", "{ broken");
    const checked = await run(["check", "--upstream", "http://127.0.0.1:9/mcp"], {}, folder.path);
    assert.equal(checked.code, 0, checked.text);
    assert.doesNotMatch(checked.text, /EVIL|NO_SUCH/);
  },
);

Deno.test(
  "what watches ends when the reader of its output has gone, though it has nothing to write",
  options,
  async () => {
    if (!(await run(["--version", "--verbose"])).text.includes("runtime    bun")) return;
    let asked = Promise.withResolvers<void>();
    await using admin = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      asked.resolve();
      if (!request.url.includes("/tap")) return Response.json({ sessions: [], total: 0 });
      const silent = new ReadableStream({ start: (controller) => controller.enqueue(encode(": watching\n\n")) });
      return new Response(silent, { headers: { "content-type": "text/event-stream" } });
    });
    for (const words of [["tap", "3f2a9c01d4e5"], ["sessions", "--watch", "--every", "1h"]]) {
      const args = [...words, "--admin", `127.0.0.1:${admin.addr.port}`];
      asked = Promise.withResolvers<void>();
      const child = new Deno.Command(SIGNET_BIN!, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
      endOverdue(child, `signet ${words.join(" ")}`, 20_000);
      await Promise.race([asked.promise, child.status]);
      await child.stdout.cancel();
      assert.equal((await child.status).code, 0, words[0]);
    }
  },
);

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

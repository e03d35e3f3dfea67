// The image for stdio servers: what servers need is in it, and process 1 reaps what they leave behind.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../../scripts/free_port.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { assertSealedSession, callTool, Container, machine, packageOptions, packagePath } from "../support/packages.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const what = "that the image for stdio servers runs them and reaps what they leave";
const options = { ...STRICT, ...await packageOptions(["buildah", "unshare"], what) };
const archive = () => packagePath(new RegExp(`^signet-stdio-image-${machine}\\.oci\\.tar$`));
const SERVER = fileURLToPath(new URL("../fixtures/stdio_double_fork.cjs", import.meta.url));

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

function processes(): Stat[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return [{ pid: Number(name), parent: Number(parent), state }];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/**
 * As a container runtime would: a process namespace of its own, of which the image's entry point is process 1. What `unshare`
 * would end with itself (`--kill-child`) forgets that it should as it changes its user, so the end is process 1's: with
 * it all of its namespace goes.
 */
async function contained(root: string, entrypoint: readonly string[], args: readonly string[]) {
  const script = 'mount --rbind /dev "$0/dev" && exec chroot --userspec=65532:65532 "$0" "$@"';
  const run = new ChildRun({
    command: "unshare",
    args: ["--pid", "--fork", "--kill-child", `--mount-proc=${root}/proc`, "/bin/sh", "-c", script, root]
      .concat(entrypoint, args),
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/home/signet" },
  });
  const first = () => processes().find(({ parent }) => parent === run.pid);
  try {
    await until(() => first() !== undefined, "unshare to start process 1");
  } catch (error) {
    await run[Symbol.asyncDispose]();
    throw error;
  }
  const init = first()!.pid;
  const end = async () => {
    kill(init);
    await run[Symbol.asyncDispose]();
  };
  return { run, init, [Symbol.asyncDispose]: end };
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

Deno.test(
  "the image for stdio servers has what they need, and nothing with another user's rights",
  options,
  async () => {
    await using container = await Container.of(archive());
    const script = 'node --version && npx --version && setpriv --version && prlimit --version && id -u && echo "$HOME"';
    const said = await container.run(["/bin/sh", "-c", script]);
    assert.match(said, /^v2\d\.\d+\.\d+\n\d+\.\d+\.\d+\nsetpriv from .+\nprlimit from .+\n65532\n\/home\/signet\n$/);
    const found = await container.run(["/bin/sh", "-c", "ls -lR /usr/bin /bin /sbin | grep '^-..s' || true"]);
    assert.equal(found, "");
  },
);

Deno.test("ten calls that leave something behind leave no zombie below process 1", options, async () => {
  await using container = await Container.of(archive());
  const { Entrypoint } = await container.configuration();
  assert.deepEqual(Entrypoint, ["/usr/bin/tini", "--", "/signet"]);
  await Deno.copyFile(SERVER, `${container.root}/server.cjs`);
  for (const folder of ["proc", "dev"]) await Deno.mkdir(`${container.root}/${folder}`, { recursive: true });
  const [listen, admin] = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
  const flags = ["serve", "--listen", listen, "--admin", admin, "--log-format", "json", "--", "node", "/server.cjs"];
  await using signet = await contained(container.root, Entrypoint as string[], flags);
  await signet.run.waitForLine((line) => line.includes('"listening"') || undefined, "Signet to listen");
  const children = () => processes().filter(({ parent }) => parent === signet.init);
  const [program, ...more] = children();
  assert.deepEqual(more, [], "of process 1 there is Signet");
  const url = `http://${listen}/mcp`;
  const id = await assertSealedSession(url, "leave");
  for (let call = 0; call < 10; call++) assert.match(await callTool(url, id, "leave"), /left behind \d+/);
  const left = children().filter(({ pid }) => pid !== program?.pid);
  assert.equal(left.length, 11, "what the calls have left behind is process 1's");
  for (const { pid } of left) kill(pid);
  // Of process 1 there is Signet in the end, and nothing else, dead or alive.
  await until(() => children().length === 1, () => `process 1 to reap: it has ${JSON.stringify(children())}`);
  assert.notEqual(children()[0]!.state, "Z");
});

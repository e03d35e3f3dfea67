// The Debian package: the same bytes again, installed into a root of its own, run, and gone without a trace.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { EXIT } from "../../lib/cli/command.ts";
import { VERSION } from "../../lib/platform/version.ts";
import { thisTarget } from "../../scripts/compile_targets.ts";
import { packDeb } from "../../scripts/package/deb.ts";
import { findProduct } from "../../scripts/package/product.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { machine, packageOptions, packagePath, packagesFolder } from "../support/packages.ts";
import { needing } from "../support/programs.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const options = { ...STRICT, ...await packageOptions(["dpkg", "dpkg-deb"], "that the Debian package installs") };
const archive = () => packagePath(new RegExp(`^signet_.+_${machine.endsWith("arm64") ? "arm64" : "amd64"}\\.deb$`));
const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

/** dpkg in a root of its own: nothing of this machine's changes. */
async function dpkg(root: string, args: readonly string[]): Promise<string> {
  await Deno.mkdir(`${root}/var/lib/dpkg/info`, { recursive: true });
  await Deno.mkdir(`${root}/var/lib/dpkg/updates`, { recursive: true });
  for (const file of ["status", "available"]) {
    await Deno.writeTextFile(`${root}/var/lib/dpkg/${file}`, "", { append: true });
  }
  const flags = [`--root=${root}`, "--force-depends", "--force-script-chrootless", "--log=/dev/null"];
  return await runTool("dpkg", [...flags, ...args], { what: args[0]!, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
}

function filesOf(root: string): string[] {
  const walk = (folder: string): string[] =>
    [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
      isDirectory ? walk(`${folder}/${name}`) : [`${folder}/${name}`.slice(root.length)]
    );
  return walk(root).filter((path) => !path.startsWith("/var/lib/dpkg/")).sort();
}

Deno.test(
  "the package installs, runs and is purged without a trace; a changed configuration outlives removal",
  options,
  async () => {
    await using folder = await TempFolder.create();
    const root = folder.path;
    await dpkg(root, ["--install", archive()]);
    assert.deepEqual(filesOf(root), [
      "/etc/signet/signet.yaml",
      "/usr/bin/signet",
      "/usr/lib/systemd/system/signet.service",
      "/usr/share/bash-completion/completions/signet",
      "/usr/share/doc/signet/changelog.gz",
      "/usr/share/doc/signet/copyright",
      "/usr/share/doc/signet/sbom.cdx.json",
      "/usr/share/fish/vendor_completions.d/signet.fish",
      "/usr/share/man/man1/signet.1.gz",
      "/usr/share/zsh/vendor-completions/_signet",
    ]);
    const signet = (...args: string[]) => runTool(`${root}/usr/bin/signet`, args, { what: args[0]! });
    assert.equal(await signet("--version"), `signet ${VERSION}\n`);
    await signet("check", "--config", `${root}/etc/signet/signet.yaml`);
    await Deno.writeTextFile(`${root}/etc/signet/signet.yaml`, "# mine\n", { append: true });
    await dpkg(root, ["--remove", "signet"]);
    assert.deepEqual(filesOf(root), ["/etc/signet/signet.yaml"]);
    await Deno.mkdir(`${root}/var/lib/signet`, { recursive: true });
    await Deno.writeTextFile(`${root}/var/lib/signet/state.db`, "");
    assert.doesNotMatch(await dpkg(root, ["--purge", "signet"]), /left/);
    assert.deepEqual(filesOf(root), []);
  },
);

Deno.test("purge leaves keys and audit logs where they are, and says so", options, async () => {
  await using folder = await TempFolder.create();
  const root = folder.path;
  await dpkg(root, ["--install", archive()]);
  for (
    const path of ["etc/signet/signet.key", "var/log/private/signet/audit.jsonl", "var/lib/private/signet/state.db"]
  ) {
    await Deno.mkdir(dirname(`${root}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, "\n");
  }
  // As systemd leaves it: the same folder by two names.
  await Deno.symlink("private/signet", `${root}/var/log/signet`);
  const told = await dpkg(root, ["--purge", "signet"]);
  assert.deepEqual([...told.matchAll(/^signet: left (\S+) as it is: /gm)].map(([, path]) => path), [
    "/etc/signet",
    "/var/log/private/signet",
  ]);
  assert.equal(await Deno.readTextFile(`${root}/etc/signet/signet.key`), "\n");
  assert.equal(await Deno.readTextFile(`${root}/var/log/private/signet/audit.jsonl`), "\n");
  await assert.rejects(Deno.stat(`${root}/var/lib/private/signet`), Deno.errors.NotFound);
});

Deno.test("the package is the same bytes when it is made again", options, async () => {
  await using folder = await TempFolder.create();
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const product = await findProduct(await thisTarget(), { root, out: packagesFolder() });
  const { paths } = await packDeb({ ...product, out: folder.path });
  const [made, again] = await Promise.all([archive(), paths[0]!].map((path) => Deno.readFile(path)));
  assert.ok(made!.length === again!.length && made!.every((byte, at) => byte === again![at]), "they differ");
});

Deno.test(
  "the man page is one that groff takes without a word, and has every command",
  { ...options, ...(options.ignore ? {} : await needing(["groff"], "that the man page reads well")) },
  async () => {
    await using folder = await TempFolder.create();
    await runTool("dpkg-deb", ["--extract", archive(), folder.path], { what: "unpacking" });
    const page = `${folder.path}/usr/share/man/man1/signet.1.gz`;
    await runTool("gzip", ["-d", page], { what: "unpacking the page" });
    const args = ["-man", "-Tutf8", "-ww", "-P-cbou", page.replace(/\.gz$/, "")];
    const shown = await runTool("/bin/sh", ["-c", 'exec groff "$@" 2>&1', "groff", ...args], {
      what: "setting the page",
    });
    assert.doesNotMatch(shown, /warning|error:/i);
    for (const word of ["signet serve", "signet check", "--principal", "SIGNET_SESSION_TTL", "EXIT STATUS"]) {
      assert.ok(shown.includes(word), `${word} is not in it`);
    }
  },
);

/** A root in which the unit's programs are, as on a machine with the package. */
async function rootWithUnit(folder: TempFolder): Promise<string> {
  const unit = `${folder.path}/usr/lib/systemd/system/signet.service`;
  const programs = ["usr/bin/signet", "bin/kill", "usr/bin/kill"].map((path) => `${folder.path}/${path}`);
  for (const path of [unit, ...programs]) await Deno.mkdir(dirname(path), { recursive: true });
  for (const path of programs) await Deno.writeTextFile(path, "#!/bin/sh\n", { mode: 0o755 });
  await Deno.copyFile(`${DEPLOY}/systemd/signet.service`, unit);
  for (const name of ["sysinit", "basic", "shutdown", "network-online", "multi-user"]) {
    await Deno.writeTextFile(`${dirname(unit)}/${name}.target`, "[Unit]\nDefaultDependencies=no\n");
  }
  return folder.path;
}

Deno.test("systemd starts it again where that can help, by what its exit codes mean", STRICT, async () => {
  const unit = await Deno.readTextFile(`${DEPLOY}/systemd/signet.service`);
  const said = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1];
  assert.equal(said("Restart"), "on-failure");
  assert.equal(said("RestartPreventExitStatus"), String(EXIT.usage), "a configuration gets no better");
  assert.equal(said("SuccessExitStatus"), String(EXIT.streamsCut), "who has stopped it means it");
  assert.equal(said("StartLimitIntervalSec"), "0", "a port that is taken for some seconds is no end");
});

const systemd = { ...STRICT, ...await needing(["systemd-analyze"], "that systemd takes the unit") };

Deno.test("systemd takes the unit, has nothing to say against it, and finds it little exposed", systemd, async () => {
  await using folder = await TempFolder.create();
  const root = await rootWithUnit(folder);
  const verify = ["verify", `--root=${root}`, "--man=no", "--recursive-errors=no", "signet.service"];
  const said = await runTool("/bin/sh", ["-c", 'exec systemd-analyze "$@" 2>&1', "-", ...verify], {
    what: "verifying",
  });
  assert.equal(said, "");
  // 0 is none, 10 all; the threshold is in tenths.
  const security = ["security", "--offline=true", `--root=${root}`, "--threshold=15", "--no-pager", "signet.service"];
  await runTool("systemd-analyze", security, { what: "judging the unit" });
});

// The executable for the other processor, run by an emulator of it: on the C library of its own image.
import assert from "node:assert/strict";
import { VERSION } from "../../lib/platform/version.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { assertSealedSession, machine, packageOptions, packagePath, packagesFolder } from "../support/packages.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const QEMU = "qemu-aarch64-static";
const options = { ...STRICT, ...await packageOptions([QEMU, "tar"], "that the executable for arm64 runs") };

/** The image's files. */
async function unpacked(folder: TempFolder): Promise<string> {
  const [layout, root] = [`${folder.path}/layout`, `${folder.path}/root`];
  for (const path of [layout, root]) await Deno.mkdir(path);
  const archive = packagePath(/^signet-image-linux-arm64\.oci\.tar$/);
  await runTool("tar", ["-xf", archive, "-C", layout], { what: "unpacking the image" });
  const blob = (digest: string) => `${layout}/blobs/${digest.replace(":", "/")}`;
  const { manifests } = JSON.parse(await Deno.readTextFile(`${layout}/index.json`));
  const { layers } = JSON.parse(await Deno.readTextFile(blob(manifests[0].digest)));
  for (const { digest } of layers) {
    await runTool("tar", ["-xzf", blob(digest), "-C", root, "--no-same-owner"], { what: "unpacking a layer" });
  }
  return root;
}

Deno.test(
  "the image for arm64 tells its version, checks a configuration and serves a sealed session",
  { ...options, ignore: options.ignore || machine.endsWith("arm64") },
  async () => {
    await using folder = await TempFolder.create();
    const root = await unpacked(folder);
    const emulated = (...args: string[]) => ["-L", root, `${root}/signet`, ...args];
    assert.equal(await runTool(QEMU, emulated("--version"), { what: "its version" }), `signet ${VERSION}\n`);
    const [made, packed] = await Promise.all(
      [`${packagesFolder()}/signet-linux-arm64`, `${root}/signet`].map((path) => Deno.stat(path)),
    );
    assert.equal(made!.size, packed!.size);
    await using server = new FakeMcp();
    await runTool(QEMU, emulated("check", "--upstream", server.url), { what: "a check" });
    const flags = ["--upstream", server.url, "--listen", "127.0.0.1:0", "--admin", "off", "--log-format", "json"];
    await using signet = new ChildRun({ command: QEMU, args: emulated("serve", ...flags) });
    const url = await signet.waitForLine(
      (line) => line.includes('"listening"') ? String(JSON.parse(line).listen) : undefined,
      "Signet to listen",
    );
    await assertSealedSession(url);
    assert.equal((await signet.kill("SIGTERM")).code, 0, signet.lines.join("\n"));
  },
);

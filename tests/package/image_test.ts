// The image holds Signet and next to nothing else, and what runs out of it is Signet.
import assert from "node:assert/strict";
import { VERSION } from "../../lib/platform/version.ts";
import { freePort } from "../../scripts/free_port.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { assertSealedSession, Container, machine, packageOptions, packagePath } from "../support/packages.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const options = { ...STRICT, ...await packageOptions(["buildah"], "that the image runs") };
const archive = () => packagePath(new RegExp(`^signet-image-${machine}\\.oci\\.tar$`));

function filesOf(root: string, folder = ""): string[] {
  return [...Deno.readDirSync(`${root}/${folder}`)].flatMap(({ name, isDirectory }) => {
    const path = folder === "" ? name : `${folder}/${name}`;
    return isDirectory ? filesOf(root, path) : [path];
  }).sort();
}

Deno.test(
  "the image holds Signet, the C library and certificates: no shell, no user's rights, labels",
  options,
  async () => {
    await using container = await Container.of(archive());
    const files = filesOf(container.root);
    const programs = files.filter((path) => !/^(?:etc|usr\/share\/doc)\/|\.so\.\d+$/.test(path));
    assert.deepEqual(programs, ["signet"]);
    assert.match(files.join("\n"), /etc\/ssl\/certs\/ca-certificates\.crt/);
    assert.match(await Deno.readTextFile(`${container.root}/etc/passwd`), /^signet:x:65532:65532:/m);
    const { User, Entrypoint, Labels, ExposedPorts } = await container.configuration();
    assert.deepEqual([User, Entrypoint], ["65532:65532", ["/signet"]]);
    assert.deepEqual(ExposedPorts, { "8080/tcp": {} });
    const labels = Labels as Record<string, string>;
    assert.equal(labels["org.opencontainers.image.version"], VERSION);
    assert.match(labels["org.opencontainers.image.revision"]!, /^[0-9a-f]{40}|unknown/);
  },
);

Deno.test(
  "out of the image Signet serves a sealed session, answers the health check, and ends when asked",
  options,
  async () => {
    await using container = await Container.of(archive());
    assert.equal(await container.run(["/signet", "--version"]), `signet ${VERSION}\n`);
    await using server = new FakeMcp();
    const [listen, admin] = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
    const flags = ["--upstream", server.url, "--listen", listen, "--admin", admin, "--log-format", "json"];
    await using signet = new ChildRun(container.command(["/signet", "serve", ...flags]));
    await signet.waitForLine((line) => line.includes('"listening"') || undefined, "Signet to listen");
    await until(
      () => container.run(["/signet", "ready", "--admin", admin]).then(() => true, () => false),
      "the health check to pass",
    );
    await assertSealedSession(`http://${listen}/mcp`);
    assert.equal(server.ran.get("echo"), 1);
    await container.run(["/signet", "stop", "--admin", admin]);
    const { code } = await signet.ended();
    assert.equal(code, 0, signet.lines.join("\n"));
  },
);

Deno.test("docker loads the image without containerd's store, too, and asks Signet how it is", options, async () => {
  await using container = await Container.of(archive(), { as: "docker-archive" });
  assert.equal(await container.run(["/signet", "--version"]), `signet ${VERSION}\n`);
  const { Healthcheck, Entrypoint } = await container.dockerConfiguration();
  assert.deepEqual(Entrypoint, ["/signet"]);
  assert.deepEqual((Healthcheck as { Test: unknown } | undefined)?.Test, ["CMD", "/signet", "ready"]);
});

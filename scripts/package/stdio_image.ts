// The image for stdio servers: Signet as in the other one, with Node.js and npm to run servers by, a shell and coreutils
// that npx and servers want, util-linux for setpriv and prlimit, and tini as process 1, which reaps what servers leave.
// Debian's packages but for Node, which Debian has too old a one of: that is npm's own package of it, pinned.
import { cacheFolder } from "./cache.ts";
import { componentOf, type DebianPackage, DebianPackages } from "./debian_packages.ts";
import {
  accountsAndCertificates,
  annotationsOf,
  HEALTH_CHECK,
  IMAGE_USER,
  programLayer,
  type Written,
} from "./image.ts";
import { ociArchive } from "./oci_archive.ts";
import { architectureOf, type Product, type SbomComponent, writeSbom } from "./product.ts";
import { entriesOf, unpack } from "./root_files.ts";
import { type TarEntry, withFolders } from "./tar.ts";
import { runTool } from "./tool.ts";

const NODE_VERSION = "24.21.0";
const NPM_VERSION = "11.21.2";
const HOME = "/home/signet";

const WANTED = ["base-files", "coreutils", "dash", "libstdc++6", "tini", "util-linux"];
/** What these depend on for being installed by dpkg, and what nothing here runs. */
const UNUSED = /^(?:dpkg|tar|mawk|debconf|debianutils|util-linux-extra|libaudit-common)$/;
/** Manuals, translations and the like; copyrights stay. */
const DROPPED =
  /^usr\/share\/(?:doc\/.+(?<!\/copyright)|man|info|locale|lintian|bash-completion|ca-certificates|bug)(?:\/|$)/;

interface NpmPackage {
  readonly name: string;
  readonly version: string;
}

/** Unpacks a package of npm's below `folder`. */
async function unpackNpm({ name, version }: NpmPackage, folder: string): Promise<void> {
  const cache = `${cacheFolder()}/npm`;
  const archive = `${cache}/${name}-${version}.tgz`;
  const what = `getting ${name}@${version} from npm`;
  if (!await Deno.stat(archive).then(() => true, () => false)) {
    await Deno.mkdir(cache, { recursive: true });
    await runTool("npm", ["pack", "--silent", `${name}@${version}`], { what, cwd: cache });
  }
  await Deno.mkdir(folder, { recursive: true });
  await runTool("tar", ["-xzf", archive, "-C", folder, "--strip-components=1", "--no-same-owner"], { what });
}

async function addNode(folder: string, architecture: "amd64" | "arm64"): Promise<SbomComponent[]> {
  const node = { name: `node-linux-${architecture === "arm64" ? "arm64" : "x64"}`, version: NODE_VERSION };
  const npm = { name: "npm", version: NPM_VERSION };
  const unpacked = await Deno.makeTempDir({ prefix: "signet_node_" });
  try {
    await unpackNpm(node, unpacked);
    await Deno.copyFile(`${unpacked}/bin/node`, `${folder}/usr/bin/node`);
    await Deno.chmod(`${folder}/usr/bin/node`, 0o755);
    await Deno.mkdir(`${folder}/usr/share/doc/nodejs`, { recursive: true });
    await Deno.copyFile(`${unpacked}/LICENSE`, `${folder}/usr/share/doc/nodejs/copyright`);
  } finally {
    await Deno.remove(unpacked, { recursive: true });
  }
  await unpackNpm(npm, `${folder}/usr/lib/node_modules/npm`);
  for (const program of ["npm", "npx"]) {
    await Deno.chmod(`${folder}/usr/lib/node_modules/npm/bin/${program}-cli.js`, 0o755);
    await Deno.symlink(`../lib/node_modules/npm/bin/${program}-cli.js`, `${folder}/usr/bin/${program}`);
  }
  return [node, npm].map(({ name, version }) => {
    const purl = `pkg:npm/${name}@${version}`;
    return { type: "application", name, version, purl, "bom-ref": purl };
  });
}

async function rootEntries(folder: string, packages: readonly DebianPackage[]): Promise<TarEntry[]> {
  await unpack(packages, folder);
  const entries = await entriesOf(folder, (path) => !DROPPED.test(path) || path.endsWith("/copyright"));
  const own = await accountsAndCertificates(folder, HOME);
  const replaced = new Set(own.map(({ path }) => path));
  const home: TarEntry = { kind: "folder", path: HOME.slice(1), mode: 0o700, owner: IMAGE_USER };
  return withFolders([...entries.filter(({ path }) => !replaced.has(path)), ...own, home]);
}

/** Writes `signet-stdio-image-….oci.tar` and its bill of materials. */
export async function packStdioImage(product: Product): Promise<Written> {
  const { target, version, out, seconds } = product;
  if (target.name.includes("musl")) throw new Error("the image for stdio servers is made of the executable for glibc");
  // Deno's executable for HTTP servers has no permission to start anything.
  if (!product.sbom.components.some(({ type, name }) => type === "platform" && name === "bun")) {
    throw new Error(
      "found an executable made with Deno, which starts no servers; want deno task compile --runtime bun",
    );
  }
  const architecture = architectureOf(target);
  const apt = await DebianPackages.open(architecture);
  const packages = [
    ...(await apt.get(WANTED)).filter(({ name }) => !UNUSED.test(name)),
    ...await apt.get(["ca-certificates"], { alone: true }),
  ];
  const folder = await Deno.makeTempDir({ prefix: "signet_image_" });
  try {
    await Deno.mkdir(`${folder}/usr/bin`, { recursive: true });
    const added = [...packages.map(componentOf), ...await addNode(folder, architecture)];
    const archive = ociArchive({
      ...{ reference: `signet-stdio:${version}`, architecture, seconds, user: `${IMAGE_USER}:${IMAGE_USER}` },
      entrypoint: ["/usr/bin/tini", "--", "/signet"],
      healthCheck: HEALTH_CHECK,
      env: {
        PATH: "/usr/bin:/bin",
        HOME,
        SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
        NPM_CONFIG_UPDATE_NOTIFIER: "false",
      },
      ...{ ports: [8080], workingFolder: HOME, annotations: annotationsOf(product, "signet-stdio") },
      layers: [
        { what: "Debian, Node.js, npm", entries: await rootEntries(folder, packages) },
        await programLayer(product),
      ],
    });
    const name = `signet-stdio-image-${target.name}`;
    const path = `${out}/${name}.oci.tar`;
    await Deno.writeFile(path, archive);
    return { paths: [path, await writeSbom(product, { name, added })] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

// The image: Signet, the C library's files it is linked with, the authorities' certificates, and nothing else. There is no
// shell in it and it runs as nobody in particular (65532).
import { componentOf, type DebianPackage, DebianPackages } from "./debian_packages.ts";
import { ociArchive } from "./oci_archive.ts";
import { architectureOf, type Product, SUMMARY, writeSbom } from "./product.ts";
import { readThrough, unpack } from "./root_files.ts";
import { type TarEntry, textFile, withFolders } from "./tar.ts";

export const IMAGE_USER = 65532;
/** The same as the Dockerfile's. */
export const HEALTH_CHECK = ["/signet", "ready"];
const MUSL = "an image is made of the executable for glibc; that for musl would need another base";

/** What `readelf -d` says the executable needs, plus what glibc itself loads to resolve names. */
const LIBRARIES = ["libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "libresolv.so.2", "libnss_dns.so.2"];
const LOADER = { amd64: "lib64/ld-linux-x86-64.so.2", arm64: "lib/ld-linux-aarch64.so.1" } as const;
const TRIPLET = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

/** Who users are, how names are resolved, and the certificates that public servers are checked by. */
export async function accountsAndCertificates(folder: string, home: string): Promise<TarEntry[]> {
  const authorities: string[] = [];
  for await (const { name } of Deno.readDir(`${folder}/usr/share/ca-certificates/mozilla`)) authorities.push(name);
  const read = (name: string) => Deno.readTextFile(`${folder}/usr/share/ca-certificates/mozilla/${name}`);
  const bundle = (await Promise.all(authorities.sort().map(read))).map((text) => text.trimEnd() + "\n").join("");
  const id = IMAGE_USER;
  return [
    textFile("etc/passwd", `root:x:0:0:root:/root:/sbin/nologin\nsignet:x:${id}:${id}:Signet:${home}:/sbin/nologin\n`),
    textFile("etc/group", `root:x:0:\nsignet:x:${id}:\n`),
    textFile("etc/nsswitch.conf", "hosts: files dns\n"),
    textFile("etc/ssl/certs/ca-certificates.crt", bundle),
    { kind: "folder", path: "tmp", mode: 0o1777 },
    // Writable by the user: with a volume, or without --read-only, --state can lie there.
    { kind: "folder", path: "var/lib/signet", mode: 0o700, owner: id },
  ];
}

/** What Debian wants to be told of what was taken from it. */
async function copyrights(folder: string, packages: readonly DebianPackage[]): Promise<TarEntry[]> {
  return await Promise.all(packages.map(async ({ name }) => {
    const path = `usr/share/doc/${name}/copyright`;
    return { kind: "file" as const, path, bytes: await readThrough(folder, path) };
  }));
}

async function baseEntries(folder: string, product: Product, packages: readonly DebianPackage[]): Promise<TarEntry[]> {
  const architecture = architectureOf(product.target);
  const libraries = `lib/${TRIPLET[architecture]}`;
  const loader = LOADER[architecture];
  const ownLoader = `${libraries}/${loader.split("/").at(-1)}`;
  const library = async (path: string, from = path): Promise<TarEntry> => ({
    ...{ kind: "file", path, mode: 0o755, bytes: await readThrough(folder, from) },
  });
  return [
    ...await accountsAndCertificates(folder, "/var/lib/signet"),
    ...await copyrights(folder, packages),
    await library(loader, ownLoader),
    ...await Promise.all(LIBRARIES.map((name) => library(`${libraries}/${name}`))),
  ];
}

/** What is said of an image in its labels. */
export function annotationsOf(product: Product, title: string): Record<string, string> {
  return {
    "org.opencontainers.image.title": title,
    "org.opencontainers.image.description": SUMMARY,
    "org.opencontainers.image.version": product.version,
    "org.opencontainers.image.revision": product.commit,
    "org.opencontainers.image.licenses": "MIT",
    "org.opencontainers.image.created": new Date(product.seconds * 1000).toISOString(),
  };
}

/** The layer that changes with every version. */
export async function programLayer({ path }: Product): Promise<{ what: string; entries: TarEntry[] }> {
  return { what: "signet", entries: [{ kind: "file", path: "signet", mode: 0o755, bytes: await Deno.readFile(path) }] };
}

export interface Written {
  readonly paths: readonly string[];
}

/** Writes `signet-image-….oci.tar` and its bill of materials. */
export async function packImage(product: Product): Promise<Written> {
  const { target, version, out, seconds } = product;
  if (target.name.includes("musl")) throw new Error(MUSL);
  const architecture = architectureOf(target);
  const apt = await DebianPackages.open(architecture);
  const packages = await apt.get(["libc6", "ca-certificates"], { alone: true });
  const folder = await Deno.makeTempDir({ prefix: "signet_image_" });
  try {
    await unpack(packages, folder);
    const archive = ociArchive({
      ...{ reference: `signet:${version}`, architecture, seconds, user: `${IMAGE_USER}:${IMAGE_USER}` },
      entrypoint: ["/signet"],
      healthCheck: HEALTH_CHECK,
      env: { PATH: "/", HOME: "/var/lib/signet", SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt" },
      ...{ ports: [8080], workingFolder: "/", annotations: annotationsOf(product, "signet") },
      layers: [
        { what: "C library, certificates", entries: withFolders(await baseEntries(folder, product, packages)) },
        await programLayer(product),
      ],
    });
    const name = `signet-image-${target.name}`;
    const path = `${out}/${name}.oci.tar`;
    await Deno.writeFile(path, archive);
    return { paths: [path, await writeSbom(product, { name, added: packages.map(componentOf) })] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

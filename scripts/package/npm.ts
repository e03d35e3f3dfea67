// npm packages: `signet-mcp`, a launcher, and one package for each platform with its executable. npm installs of these the
// one that fits (optional dependencies with `os`, `cpu` and `libc`), and no script is run on installation.
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { type Target, TARGETS } from "../compile_targets.ts";
import type { Written } from "./image.ts";
import { type Product, SUMMARY } from "./product.ts";
import { tar, type TarEntry, textFile } from "./tar.ts";

const NPM_NAME = "signet-mcp";

const OS: Readonly<Record<string, string>> = { linux: "linux", darwin: "darwin", windows: "win32" };

const platformPackage = ({ name }: Target): string => `${NPM_NAME}-${name}`;

/** What npm looks at to know whether a package fits a machine. */
function platformOf({ name }: Target) {
  const [system = "", cpu = "", libc] = name.split("-");
  return {
    os: [OS[system]],
    cpu: [cpu],
    ...(system === "linux" ? { libc: [libc ?? "glibc"] } : {}),
  };
}

const common = (version: string) => ({
  version,
  description: SUMMARY,
  license: "MIT",
  keywords: ["mcp", "proxy", "sessions"],
});

async function writePackage(name: string, product: Product, entries: readonly TarEntry[]): Promise<string> {
  const { out, version, seconds } = product;
  const path = `${out}/${name}-${version}.tgz`;
  const inPackage = entries.map((entry) => ({ ...entry, path: `package/${entry.path}` }));
  await Deno.writeFile(path, gzipSync(tar(inPackage, seconds), { level: 6 }));
  return path;
}

const json = (value: unknown): string => JSON.stringify(value, undefined, 2) + "\n";

/** Writes `signet-mcp-PLATFORM-VERSION.tgz`. */
export async function packNpmPlatform(product: Product): Promise<Written> {
  const { target, root, path, version } = product;
  const name = platformPackage(target);
  const program = `bin/signet${target.name.startsWith("windows") ? ".exe" : ""}`;
  const about = {
    name,
    ...common(version),
    description: `Signet's executable for ${target.name}; install ${NPM_NAME}`,
    ...platformOf(target),
    files: ["bin"],
    preferUnplugged: true,
  };
  const written = await writePackage(name, product, [
    textFile("package.json", json(about)),
    { kind: "file", path: program, mode: 0o755, bytes: await Deno.readFile(path) },
    textFile("LICENSE", await Deno.readTextFile(`${root}/LICENSE`)),
    textFile(
      "README.md",
      `Signet's executable for ${target.name}. Install \`${NPM_NAME}\`, which chooses the right one.\n`,
    ),
    textFile(`sbom-${basename(path)}.cdx.json`, json(product.sbom)),
  ]);
  return { paths: [written] };
}

const README = `# ${NPM_NAME}

${SUMMARY}.

\`\`\`sh
npx ${NPM_NAME} serve --upstream http://127.0.0.1:3000/mcp
npx ${NPM_NAME} serve -- npx -y @modelcontextprotocol/server-everything stdio
\`\`\`

The package runs the executable for your platform, which npm installs as an optional dependency.
`;

/** Writes `signet-mcp-VERSION.tgz`, which wants every platform's package. */
export async function packNpmLauncher(product: Product): Promise<Written> {
  const { root, version } = product;
  const about = {
    name: NPM_NAME,
    ...common(version),
    bin: { [NPM_NAME]: "bin/signet-mcp.cjs" },
    files: ["bin"],
    engines: { node: ">=18" },
    optionalDependencies: Object.fromEntries(TARGETS.map((target) => [platformPackage(target), version])),
  };
  const launcher = await Deno.readTextFile(`${root}/scripts/package/npm_launcher.cjs`);
  const written = await writePackage(NPM_NAME, product, [
    textFile("package.json", json(about)),
    textFile("bin/signet-mcp.cjs", launcher, 0o755),
    textFile("LICENSE", await Deno.readTextFile(`${root}/LICENSE`)),
    textFile("README.md", README),
  ]);
  return { paths: [written] };
}

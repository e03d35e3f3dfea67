// `deno task package`: packages of executables that `deno task compile` has made. See `--help`. SHA256SUMS beside them names
// executables and packages alike, so that one can tell which executable is in which package's bill of materials.
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Target, targetNamed, TARGETS, thisTarget } from "./compile_targets.ts";
import { packDeb } from "./package/deb.ts";
import { packImage, type Written } from "./package/image.ts";
import { packNpmLauncher, packNpmPlatform } from "./package/npm.ts";
import { findProduct, type Product } from "./package/product.ts";
import { packStdioImage } from "./package/stdio_image.ts";
import { writeSums } from "./sums.ts";

/** What can be made, of which targets, and how. */
const KINDS = {
  deb: { of: /^linux-(x64|arm64)$/, pack: packDeb },
  image: { of: /^linux-(x64|arm64)$/, pack: packImage },
  "stdio-image": { of: /^linux-(x64|arm64)$/, pack: packStdioImage },
  npm: { of: /./, pack: packNpmPlatform },
} as const;
type Kind = keyof typeof KINDS;
const isKind = (name: string): name is Kind => Object.hasOwn(KINDS, name);

const HELP = `Packs executables of Signet that \`deno task compile\` has made.

  deno task package [KIND …] [--target NAME …] [--all] [--out dist]

  KIND            deb          a Debian package (needs dpkg-deb)
                  image        an OCI archive: Signet and the C library (needs apt-get)
                  stdio-image  an OCI archive for stdio servers: Node.js, npm, tini as well (needs apt-get and npm)
                  npm          signet-mcp and a package for each target
                  default: all of them
  --target NAME   ${TARGETS.map(({ name }) => name).join(", ")}; default: this machine's
  --all           every target whose executable is there
  --out FOLDER    where the executables lie and the packages go; default: dist
`;

async function productsOf(targets: readonly Target[], options: { root: string; out: string; all: boolean }) {
  const products: Product[] = [];
  for (const target of targets) {
    const found = await findProduct(target, options).catch((error) => {
      if (!options.all) throw error;
      return undefined;
    });
    if (found !== undefined) products.push(found);
  }
  if (products.length === 0) {
    throw new Error(`packing: found no executable in ${options.out}; want deno task compile first`);
  }
  const versions = new Set(products.map(({ version, commit }) => `${version} (${commit})`));
  if (versions.size > 1) {
    throw new Error(`packing: the executables are of ${[...versions].join(" and ")}; want one version`);
  }
  return products;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      target: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      out: { type: "string", default: "dist" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const wrong = positionals.find((name) => !isKind(name));
  if (wrong !== undefined) throw new Error(`packing a ${wrong}: want ${Object.keys(KINDS).join(", ")}`);
  const kinds = positionals.length > 0 ? positionals.filter(isKind) : Object.keys(KINDS).filter(isKind);
  const named = values.target.map(targetNamed);
  const targets = values.all ? TARGETS : named.length > 0 ? named : [await thisTarget()];
  const [root, out] = [resolve(import.meta.dirname ?? ".", ".."), resolve(values.out)];
  const products = await productsOf(targets, { root, out, all: values.all });
  return await packAll(products, kinds, out);
}

async function packAll(products: readonly Product[], kinds: readonly Kind[], out: string): Promise<number> {
  const paths: string[] = [];
  let failed = 0;
  const attempt = async (what: string, pack: () => Promise<Written>) => {
    try {
      const written = await pack();
      paths.push(...written.paths);
      const path = written.paths[0]!;
      const megabytes = ((await Deno.stat(path)).size / 1e6).toFixed(1);
      console.log(`${what.padEnd(26)} ${megabytes.padStart(6)} MB  ${relative(Deno.cwd(), path)}`);
    } catch (error) {
      failed++;
      console.error(`package: ${what}: ${error instanceof Error ? error.message : error}`);
    }
  };
  for (const kind of kinds) {
    for (const product of products) {
      const { name } = product.target;
      if (KINDS[kind].of.test(name)) await attempt(`${kind} ${name}`, () => KINDS[kind].pack(product));
    }
    if (kind === "npm") await attempt("npm launcher", () => packNpmLauncher(products[0]!));
  }
  await writeSums(out, paths);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(`package: ${error instanceof Error ? error.message : error}`);
    Deno.exit(2);
  }
}

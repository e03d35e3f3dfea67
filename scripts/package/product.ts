// What is packed: an executable that `deno task compile` has made (and CI has run), and what is said of it everywhere. All
// packages take it from here, so that none is made of another program or tells another story.
import { fileNameOf, type Target } from "../compile_targets.ts";

/** A component of a CycloneDX document, as far as it is looked at here. */
export interface SbomComponent {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly "bom-ref"?: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

export interface Sbom {
  readonly metadata: { readonly component: SbomComponent };
  readonly components: readonly SbomComponent[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

export interface Product {
  /** The repository. */
  readonly root: string;
  /** Where executables lie and packages go. */
  readonly out: string;
  readonly target: Target;
  /** The executable. */
  readonly path: string;
  readonly version: string;
  readonly commit: string;
  /** Of everything that is packed, since the epoch: the commit's time, or SOURCE_DATE_EPOCH. */
  readonly seconds: number;
  readonly sbom: Sbom;
}

export const SUMMARY = "Sealed, owned and restartable sessions in front of an MCP server";

/** What the processor is called by Debian and by OCI images. */
export function architectureOf({ name }: Target): "amd64" | "arm64" {
  return name.includes("arm64") ? "arm64" : "amd64";
}

async function secondsOf(root: string, commit: string): Promise<number> {
  const { SOURCE_DATE_EPOCH } = Deno.env.toObject();
  if (SOURCE_DATE_EPOCH !== undefined && /^\d+$/.test(SOURCE_DATE_EPOCH)) return Number(SOURCE_DATE_EPOCH);
  const args = ["log", "-1", "--format=%ct", commit.replace("-changed", "")];
  const { success, stdout } = await new Deno.Command("git", { args, cwd: root, stderr: "null" }).output()
    .catch(() => ({ success: false, stdout: new Uint8Array() }));
  return success ? Number(new TextDecoder().decode(stdout)) : 0;
}

/** The executable for a target, found in `out` beside its bill of materials. @throws Error if it was not made */
export async function findProduct(target: Target, { root, out }: { root: string; out: string }): Promise<Product> {
  const path = `${out}/${fileNameOf(target)}`;
  const sbomPath = `${out}/sbom-${fileNameOf(target)}.cdx.json`;
  const text = await Deno.readTextFile(sbomPath).catch((): undefined => undefined);
  if (text === undefined || !await Deno.stat(path).then(({ isFile }) => isFile, () => false)) {
    throw new Error(
      `packing ${target.name}: found no ${text === undefined ? sbomPath : path}; ` +
        `make it: deno task compile --target ${target.name}`,
    );
  }
  const sbom = JSON.parse(text) as Sbom;
  const { version = "0", properties = [] } = sbom.metadata.component;
  const commit = properties.find(({ name }) => name === "signet:commit")?.value ?? "unknown";
  return { root, out, target, path, version, commit, seconds: await secondsOf(root, commit), sbom };
}

/** `signet-image-linux-x64.oci.tar` and its bill of materials: of the executable, and of what was packed with it. */
export async function writeSbom(
  product: Product,
  { name, added }: { name: string; added: readonly SbomComponent[] },
): Promise<string> {
  const { sbom, out } = product;
  const [program, ...others] = sbom.dependencies;
  const refs = added.map((component) => component["bom-ref"]!);
  const whole = {
    ...sbom,
    components: [...sbom.components, ...added],
    dependencies: [{ ...program!, dependsOn: [...program!.dependsOn, ...refs] }, ...others],
  };
  const path = `${out}/sbom-${name}.cdx.json`;
  await Deno.writeTextFile(path, JSON.stringify(whole, undefined, 2) + "\n");
  return path;
}

// Debian's packages for either processor, without root and without a look at what this machine has installed: apt with
// folders of its own. What images consist of besides Signet comes from here (signed, and kept safe by somebody).
import { cacheFolder } from "./cache.ts";
import type { SbomComponent } from "./product.ts";
import { runTool } from "./tool.ts";

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The .deb. */
  readonly path: string;
}

/** An apt of its own, for one processor. Its lists are fetched once a run. */
export class DebianPackages {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(architecture: string): Promise<DebianPackages> {
    const folder = `${cacheFolder()}/debian-${architecture}`;
    await Deno.mkdir(`${folder}/lists/partial`, { recursive: true });
    await Deno.mkdir(`${folder}/cache/archives/partial`, { recursive: true });
    await Deno.writeTextFile(`${folder}/status`, "");
    await Deno.writeTextFile(
      `${folder}/apt.conf`,
      `APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "";
Dir::State "${folder}";
Dir::State::lists "${folder}/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
`,
    );
    const packages = new DebianPackages(folder);
    await packages.#apt(["update", "-qq"]);
    return packages;
  }

  #apt(args: readonly string[], cwd = this.#folder): Promise<string> {
    const env = { APT_CONFIG: `${this.#folder}/apt.conf`, DEBIAN_FRONTEND: "noninteractive" };
    return runTool("apt-get", args, { what: `getting Debian packages: ${args[0]}`, cwd, env });
  }

  /** These, with all they depend on unless `alone`, downloaded. By name. */
  async get(names: readonly string[], { alone = false } = {}): Promise<DebianPackage[]> {
    // Not --print-uris: it passes over what is in the cache.
    const planned = await this.#apt(["install", "--simulate", "-qq", "-y", "--no-install-recommends", ...names]);
    const folder = `${this.#folder}/cache/archives`;
    // Inst libacl1 (2.3.1-3 Debian:12.11/stable [amd64])
    const all = [...planned.matchAll(/^Inst (\S+) \((\S+) [^[]*\[(\S+)\]\)/gm)].map((
      [, name, version, architecture],
    ) => ({
      ...{ name: name!, version: version!, architecture: architecture! },
      path: `${folder}/${name}_${version!.replace(":", "%3a")}_${architecture}.deb`,
    }));
    const wanted = alone ? all.filter(({ name }) => names.includes(name)) : all;
    const isThere = await Promise.all(wanted.map(({ path }) => Deno.stat(path).then(() => true, () => false)));
    const absent = wanted.filter((_, index) => !isThere[index]);
    if (absent.length > 0) {
      await this.#apt(["download", "-qq", ...absent.map(({ name, version }) => `${name}=${version}`)], folder);
    }
    return wanted.sort((a, b) => a.name < b.name ? -1 : 1);
  }
}

/** What it is in a bill of materials. */
export function componentOf({ name, version, architecture }: DebianPackage): SbomComponent {
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`;
  return { type: "library", name, version, purl, "bom-ref": purl };
}

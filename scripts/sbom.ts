// What an executable consists of, as CycloneDX 1.6 JSON: the program, its packages with the hashes of the lock file, and the
// runtime. The same program gives the same text.
import type { Embedded } from "./compile_contents.ts";

export interface SbomOptions {
  readonly version: string;
  readonly commit: string;
  readonly target: string;
  readonly runtime: Embedded;
  readonly packages: readonly Embedded[];
  /** `deno.lock`, parsed. */
  readonly lock: { readonly npm?: Readonly<Record<string, { readonly integrity?: string }>> };
}

function hashOf(integrity: string | undefined) {
  const base64 = /^sha512-(.+)$/.exec(integrity ?? "")?.[1];
  if (base64 === undefined) return {};
  return { hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(base64).toHex() }] };
}

const purlOf = ({ name, version }: Embedded) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** One text, ending with a line feed. */
export function sbomText(options: SbomOptions): string {
  const { version, commit, target, runtime, packages, lock } = options;
  const components = packages.map((embedded) => ({
    type: "library",
    ...embedded,
    purl: purlOf(embedded),
    "bom-ref": purlOf(embedded),
    ...hashOf(lock.npm?.[`${embedded.name}@${embedded.version}`]?.integrity),
  }));
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        name: "signet",
        version,
        "bom-ref": "signet",
        properties: [{ name: "signet:commit", value: commit }, { name: "signet:target", value: target }],
      },
    },
    components: [
      { type: "platform", ...runtime, "bom-ref": runtime.name },
      ...components,
    ],
    dependencies: [{ ref: "signet", dependsOn: [runtime.name, ...components.map(({ purl }) => purl)] }],
  };
  return JSON.stringify(bom, undefined, 2) + "\n";
}

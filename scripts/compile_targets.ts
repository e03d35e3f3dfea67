// What executables can be made for, and what each maker calls it.

/** By which runtime an executable is run. */
export type Maker = "deno" | "bun";

export interface Target {
  /** In file names: system, processor, and the C library where it is not the usual one. */
  readonly name: string;
  /** `deno compile --target`; undefined where Deno has no runtime for it. */
  readonly deno: string | undefined;
  /** `bun build --target`. */
  readonly bun: string;
  /** The npm package that holds Bun for it. */
  readonly bunPackage: string;
}

const target = (name: string, deno: string | undefined, bunPackage: string): Target => ({
  ...{ name, deno, bun: `bun-${name}`, bunPackage: `@oven/bun-${bunPackage}` },
});

export const TARGETS: readonly Target[] = [
  target("linux-x64", "x86_64-unknown-linux-gnu", "linux-x64"),
  target("linux-arm64", "aarch64-unknown-linux-gnu", "linux-aarch64"),
  target("linux-x64-musl", undefined, "linux-x64-musl"),
  target("linux-arm64-musl", undefined, "linux-aarch64-musl"),
  target("darwin-x64", "x86_64-apple-darwin", "darwin-x64"),
  target("darwin-arm64", "aarch64-apple-darwin", "darwin-aarch64"),
  target("windows-x64", "x86_64-pc-windows-msvc", "windows-x64"),
];

/** The target of that name, Deno's triple counting too. @throws Error with the names there are */
export function targetNamed(name: string): Target {
  const found = TARGETS.find((target) => target.name === name || target.deno === name);
  if (found !== undefined) return found;
  throw new Error(`cannot compile for ${name}: want one of ${TARGETS.map(({ name }) => name).join(", ")}`);
}

/** This machine's. A musl libc is told by its loader. @throws Error if there is none */
export async function thisTarget(): Promise<Target> {
  const { os, arch } = Deno.build;
  const cpu = arch === "aarch64" ? "arm64" : "x64";
  const musl = os === "linux" && await Deno.stat(`/lib/ld-musl-${arch}.so.1`).then(() => true, () => false) &&
    !await Deno.stat("/etc/ld.so.cache").then(() => true, () => false);
  return targetNamed(`${os}-${cpu}${musl ? "-musl" : ""}`);
}

/** Without its folder. */
export function fileNameOf({ name }: Target, base = "signet"): string {
  return `${base}-${name}${name.startsWith("windows") ? ".exe" : ""}`;
}

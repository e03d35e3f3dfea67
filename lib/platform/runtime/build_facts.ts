// What an executable was made of, as whoever made it has written into it (scripts/compile_bun.ts). Nothing, from source.

export interface BuildFacts {
  /** `-changed` at its end: with changes nobody has committed. */
  readonly commit: string;
  /** Such as `linux-x64-musl`. */
  readonly target: string;
  /** Beginnings of names of environment variables that this executable's runtime has been made blind to. */
  readonly switchedOff: readonly string[];
}

export function buildFacts(): BuildFacts | undefined {
  return (globalThis as { signetBuild?: BuildFacts }).signetBuild;
}

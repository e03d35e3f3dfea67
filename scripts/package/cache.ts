// Where packing keeps what it has downloaded.

export function cacheFolder(): string {
  const { XDG_CACHE_HOME, HOME = "." } = Deno.env.toObject();
  return `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/signet/packages`;
}

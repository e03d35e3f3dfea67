// A port for a program that has to be told one before it listens. Nobody else is given it meanwhile: it is below those that
// the system hands out by itself, to listeners that ask for any port and to connections that go out.

/** Below are ports that people use. */
const FIRST = 10_000;
/** Where nothing else is said: RFC 6335's range begins later. */
const FIRST_HANDED_OUT = 32_768;

let last: number | undefined;

/** A port of 127.0.0.1 that nobody listens on at this moment, and another one each time. */
export function freePort(): number {
  const end = firstHandedOut();
  const count = end - FIRST;
  // A system that hands out nearly all of them: this one may be handed out again.
  if (count < 1000) return listenOn(0)!;
  for (let left = count; left > 0; left--) {
    last = FIRST + (last === undefined ? crypto.getRandomValues(new Uint16Array(1))[0]! : last - FIRST + 1) % count;
    if (listenOn(last) !== undefined) return last;
  }
  throw new Error(`looking for a free port: found none from ${FIRST} to ${end}`);
}

function firstHandedOut(): number {
  try {
    const [first = ""] = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range").trim().split(/\s+/);
    return Number(first);
  } catch {
    return FIRST_HANDED_OUT;
  }
}

/** The port, if one can listen there. */
function listenOn(port: number): number | undefined {
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port });
    return listener.addr.port;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}

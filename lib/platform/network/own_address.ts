// Whether this machine has an address to listen on, tried for a moment on a free port, where nobody connects: what else
// listens there, Signet itself perhaps, is not disturbed.
import { systemFault } from "../faults/system_fault.ts";
import { isIP } from "../runtime/builtin.ts";
import { NETWORK } from "../sockets.ts";

/** Names lead wherever the resolver says, and are not asked about: true for them, and where nobody can tell. */
export function isOwnAddress(hostname: string): boolean {
  if (isIP(hostname) === 0) return true;
  try {
    NETWORK.listen({ transport: "tcp", hostname, port: 0 }).close();
    return true;
  } catch (error) {
    return systemFault(error) !== "AddrNotAvailable";
  }
}

// The addresses that workers have: the one they share, which nobody else may have at that moment, and one for each of them on
// loopback, the same after a restart, so that ids lead to the same place again (docs/behaviour.md R1).
import { formatAuthority } from "../../http1/wire/authority.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import { createHash } from "../../platform/runtime/builtin.ts";
import { NETWORK } from "../../platform/sockets.ts";
import { Patience, pause, type Timers } from "../../platform/time/timers.ts";
import { ListenError } from "../running_app.ts";

interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** Below those that systems give out by themselves. */
const FIRST_PORT = 7601;
/** Each further try is that much higher; after so many the system chooses, and nobody can have taken all that it has. */
const STEP = 100;
const TRIES = 50;
/**
 * Workers whose process of steering was killed let go of their port as soon as they notice: who starts anew at once
 * waits, ms.
 */
const LET_GO_MS = 2000;
const LOOK_EVERY_MS = 20;

/**
 * The address with its real port. Sharing a port would let a second Signet join unnoticed: it is asked for alone, and let
 * go of. Who has it gets a moment to let go. @throws (as a rejection) ListenError
 */
export async function claimShared({ hostname, port }: Address, timers: Timers): Promise<Address> {
  const patience = new Patience(LET_GO_MS, timers);
  for (;;) {
    try {
      return { hostname, port: claim({ hostname, port }) };
    } catch (cause) {
      if (systemFault(cause) !== "AddrInUse" || patience.leftMs === 0) {
        throw new ListenError("--listen", formatAuthority(hostname, port), cause);
      }
    }
    await pause(LOOK_EVERY_MS, timers);
  }
}

/**
 * Where a worker's neighbours reach it. All of 127.0.0.0/8 is this machine (RFC 1122 §3.2.1.3), so that each Signet has an
 * address of its own there: known by the machine's name and the port that clients use.
 * @throws ListenError
 */
export function hopAddress(
  number: number,
  { machine, listen }: { readonly machine: string; readonly listen: Address },
): Address {
  const digest = createHash("sha256").update(`${machine}\n${formatAuthority(listen.hostname, listen.port)}`).digest();
  const hostname = `127.${1 + digest[0]! % 254}.${digest[1]!}.${1 + digest[2]! % 254}`;
  for (let tries = 0;; tries++) {
    const port = tries < TRIES ? FIRST_PORT + number - 1 + tries * STEP : 0;
    try {
      const claimed = claim({ hostname, port });
      // Of a listener on all addresses, this one would be a part.
      if (claimed !== listen.port) return { hostname, port: claimed };
    } catch (cause) {
      if (systemFault(cause) === "AddrInUse" && port !== 0) continue;
      throw new ListenError("--workers", formatAuthority(hostname, port), cause);
    }
  }
}

/**
 * The address that a worker had, for the next one in its place; another one, if somebody has taken it in between, so that
 * nobody on this machine can keep a worker from coming back. Ids that lead to the old one are brought back elsewhere (R1).
 * @throws ListenError
 */
export function hopAddressAgain(had: Address, number: number, about: Parameters<typeof hopAddress>[1]): Address {
  try {
    claim(had);
    return had;
  } catch (cause) {
    if (systemFault(cause) === "AddrInUse") return hopAddress(number, about);
    throw new ListenError("--workers", formatAuthority(had.hostname, had.port), cause);
  }
}

function claim({ hostname, port }: Address): number {
  const probe = NETWORK.listen({ transport: "tcp", hostname, port });
  probe.close();
  return probe.port;
}

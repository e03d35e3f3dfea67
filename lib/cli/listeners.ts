// Listeners at addresses that this machine does not have: `serve` would not start, and `check` and `doctor` say so before.
import type { Settings } from "../config/schema.ts";
import { formatAddress } from "../config/values/addresses.ts";
import type { CommandContext } from "./command.ts";

export interface ForeignListener {
  readonly flag: "--listen" | "--admin";
  readonly found: string;
  readonly cure: string;
}

export async function foreignListeners(
  { isOwnAddress }: Pick<CommandContext, "isOwnAddress">,
  { listen, admin }: Pick<Settings, "listen" | "admin">,
): Promise<ForeignListener[]> {
  const foreign: ForeignListener[] = [];
  for (const [flag, address] of [["--listen", listen], ["--admin", admin]] as const) {
    if (address === "off" || await isOwnAddress?.(address.hostname) !== false) continue;
    const found = `${formatAddress(address)}: this machine has no such address`;
    foreign.push({ flag, found, cure: `Choose an address of this machine for ${flag}.` });
  }
  return foreign;
}

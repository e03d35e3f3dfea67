// The name service, as the system is set up to ask it.
import { lookup } from "../runtime/builtin.ts";

/** All IP addresses of a name. @throws a fault of the system where there is none, or nobody to ask */
export async function addressesOf(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

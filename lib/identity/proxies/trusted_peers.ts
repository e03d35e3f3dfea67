// Which TCP peers are proxies whose word is taken (`--trusted-proxy`): for the caller they name, and for whom they say that
// they forward. The answer for an address is remembered, as it is asked on every request.
import { LruMap } from "../../platform/memory/lru_map.ts";
import type { CidrList } from "../../platform/network/cidr.ts";

const MAX_PEERS_REMEMBERED = 1_024;

export class TrustedPeers {
  readonly #list: CidrList;
  readonly #known = new LruMap<boolean>({ max: MAX_PEERS_REMEMBERED });

  constructor(list: CidrList) {
    this.#list = list;
  }

  /** @param address of the TCP peer, without a port */
  trusts(address: string): boolean {
    let trusted = this.#known.get(address);
    if (trusted === undefined) {
      trusted = this.#list.contains(address);
      this.#known.set(address, trusted);
    }
    return trusted;
  }
}

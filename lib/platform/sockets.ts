// Sockets that push bytes: one interface over TCP, TLS and unix sockets, two implementations of it.
// Guarantees: input comes only when it was asked for (so not asking is backpressure), memory for it is lent for as long as
// bytes are there, the two directions end by themselves, and no call of the owner's comes from within a call of its own.
import { RUNTIME } from "./runtime/runtime.ts";
import { bunNetwork } from "./sockets/bun_network.ts";
import { denoNetwork } from "./sockets/deno_network.ts";
import type { Network } from "./sockets/socket.ts";

/** The network of this runtime. */
export const NETWORK: Network = RUNTIME === "bun" ? bunNetwork : denoNetwork;

// What operators rely on, judged as a whole (docs/behaviour.md P1, L6, T1): who may reach the admin listener and what
// is there for him, and what a restart remembers.
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { addressName, CidrList } from "../../platform/network/cidr.ts";
import { formatAddress } from "../values/addresses.ts";
import type { Bench, Rule } from "./rule.ts";

function judgeAdmin({ settings: { admin, adminTokenFile }, problem, warn }: Bench): void {
  if (admin === "off") {
    if (adminTokenFile !== undefined) {
      problem("adminTokenFile", "the admin listener is off", "Set --admin HOST:PORT, or leave it out.");
    }
    return;
  }
  if (isLoopbackHost(admin.hostname)) return;
  // Metrics are commonly scraped over the network; ending sessions and issuing tokens is not for everybody there.
  const api = adminTokenFile === undefined
    ? "The operators' API is off there; --admin-token-file would open it to those who have the token"
    : "The operators' API asks for its token, which crosses the network in the clear";
  warn(
    `The admin listener ${formatAddress(admin)} is not loopback: whoever reaches it sees metrics, unasked. ${api}.`,
  );
}

function judgeStore({ settings: { store, stateFile, storePasswordFile, storeCaFile }, problem, warn }: Bench): void {
  if (store === "memory") {
    for (const [key, value] of Object.entries({ storePasswordFile, storeCaFile })) {
      if (value === undefined) continue;
      problem(key as "storeCaFile", "no store is named", "Set --store, or leave it out.");
    }
    return;
  }
  if (stateFile !== undefined) {
    problem("stateFile", "--store is given too", "Leave one out: what is revoked is kept in one place.");
  }
  if (storeCaFile !== undefined && !store.tls) {
    problem("storeCaFile", "the store is not reached over TLS", "Write rediss:// in --store, or leave it out.");
  }
  const isHere = store.nodes.every(({ host }) => isLoopbackHost(host));
  if (!store.tls && !isHere) {
    warn("The store is reached in the clear: whoever is on the way can read and write what is revoked. Use rediss://.");
  }
}

function judgePeers(bench: Bench): void {
  const { settings: { advertise, peers, peersFrom, peerCaFile, sessionOnly }, problem, warn } = bench;
  if (advertise === undefined) {
    if (peers.length > 0 || peersFrom !== undefined) {
      problem("advertise", "other replicas are named, and this one is not", "Say where they reach this one.");
    }
    if (peerCaFile !== undefined) problem("peerCaFile", "there are no replicas", "Set --advertise, or leave it out.");
    return;
  }
  judgeAdvertised(bench, new URL(advertise));
  if (sessionOnly) {
    warn(
      "--session-only with --advertise: what it lends is in one replica's memory. Where the balancer sends a client " +
        "elsewhere, a request without a credential gets 401.",
    );
  }
  if (peers.length > 0 || peersFrom !== undefined) return;
  warn("--advertise without --peer or --peers: no other replica is passed anything, or taken anything from.");
}

/** What all replicas are told alike must hold of this one, too. */
function judgeAdvertised(
  { settings: { peers, peersFrom, tlsCertFile }, warn }: Bench,
  { protocol, hostname }: URL,
): void {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (addressName(host) === undefined) {
    warn(`--advertise names ${host}: peers are known by their IP addresses, so that nobody is passed anything here.`);
  } else if (peers.length > 0 && peersFrom === undefined && !new CidrList(peers).contains(host)) {
    warn(
      `--advertise ${host} is in none of the --peer networks: replicas with the same settings pass this one nothing, ` +
        "and take nothing from it.",
    );
  }
  if (protocol === "https:" && tlsCertFile === undefined) {
    warn("--advertise says https, and the listener speaks none (--tls-cert): something in front of it has to.");
  } else if (protocol === "http:" && tlsCertFile !== undefined) {
    warn("--advertise says http, and the listener speaks TLS alone (--tls-cert): no replica reaches it there.");
  }
}

function judgeState({ settings: { stateFile, store, principals }, warn }: Bench): void {
  if (stateFile !== undefined || store !== "memory" || !principals.includes("token")) return;
  warn("Without --state, issued session tokens and what was revoked are forgotten when this process ends.");
}

function judgeFileTrust({ settings: { unsafeFiles }, warn }: Bench): void {
  if (unsafeFiles) warn("--unsafe-files: whoever can write keys, secrets or the state file passes for anybody.");
}

export const OPERATOR_RULES: readonly Rule[] = [
  [["unsafeFiles"], judgeFileTrust],
  [["admin", "adminTokenFile"], judgeAdmin],
  [["advertise", "peers", "peersFrom", "peerCaFile", "tlsCertFile", "sessionOnly"], judgePeers],
  [["store", "stateFile", "storePasswordFile", "storeCaFile"], judgeStore],
  [["stateFile", "store", "principals"], judgeState],
];

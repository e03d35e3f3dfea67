// What several replicas need to be one Signet: how they find each other, and the store they share.
import { rowsOf } from "../setting.ts";
import { cidr } from "../values/addresses.ts";
import { file } from "../values/kinds.ts";
import { duration } from "../values/quantities.ts";
import { advertisedAddress, keyPrefix, peerNames, storeAddress } from "../values/store_address.ts";

const rows = rowsOf("Replicas");

export const REPLICAS = {
  advertise: rows.optional(advertisedAddress, {
    name: "advertise",
    doc:
      "Where other replicas reach this one, sealed into ids: they pass requests on to it whose session can be reached from here alone",
  }),
  peers: rows.many(cidr, {
    name: "peer",
    doc: "Network that other replicas are in; nothing is passed on to or taken from anywhere else",
  }),
  peersFrom: rows.optional(peerNames, {
    name: "peers",
    doc: "Name that all other replicas have in DNS, such as that of a headless service; they are peers as well",
  }),
  peerCaFile: rows.optional(file, {
    name: "peer-ca-file",
    doc: "PEM certificates that replicas over TLS are trusted by, besides the built-in ones",
  }),
  store: rows.one(storeAddress, {
    name: "store",
    default: "memory",
    doc:
      "What replicas share: revocations, session tokens, callers' caps and rates, and where sessions went. Redis or Valkey; memory is this process's own",
  }),
  storePasswordFile: rows.optional(file, {
    name: "store-password-file",
    doc: "The store's password, alone in a file, read for each connection; its user stands in the store's address",
  }),
  storeCaFile: rows.optional(file, {
    name: "store-ca-file",
    doc: "PEM certificates a store over TLS is trusted by, instead of the system's",
  }),
  storePrefix: rows.one(keyPrefix, {
    name: "store-prefix",
    default: "signet",
    doc: "Before every key in the store, so that several deployments can share it",
  }),
  storeTimeoutMs: rows.one(duration({ min: 10, max: 60_000 }), {
    name: "store-timeout",
    default: 500,
    doc: "For the store to answer; then revocations fail closed where an id is opened, limits fail open",
  }),
} as const;

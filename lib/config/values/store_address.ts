// Settings about replicas: the store they share, how they name themselves and where their peers are.
// A store's password is never part of its address: it would stand in lists of processes and in messages.
import { formatAuthority } from "../../http1/wire/authority.ts";
import type { RedisNode, RedisTarget } from "../../store/redis/redis_target.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";

/** `memory`, or where the store that replicas share is. */
export type StoreAddress = "memory" | RedisTarget;

const SCHEME = /^(rediss?)(?:\+(cluster|sentinel))?:\/\/(.*)$/s;
const REMEDY = "Write redis://HOST:PORT/DB, rediss:// for TLS, redis+cluster://HOST:PORT,HOST:PORT or " +
  "redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB, with USER@ in front of the hosts where the store has users.";
const DEFAULT_PORT = 6379;
const SENTINEL_PORT = 26379;

export const storeAddress: Kind<StoreAddress> = {
  metavar: "memory|redis://…",
  parse(text) {
    if (text === "memory") return { value: "memory" };
    const [, scheme, shape = "single", rest = ""] = SCHEME.exec(text) ?? [];
    // The text may hold a password, so no message quotes it.
    if (scheme === undefined) return unfit("this is no store", REMEDY);
    if (/[?#\s]/.test(rest)) return unfit("the address of the store holds blanks, ? or #", REMEDY);
    const at = rest.lastIndexOf("@");
    const user = rest.slice(0, Math.max(0, at));
    if (user.includes(":")) {
      return unfit(
        "the address of the store holds a password",
        "Put the password alone into a file, and name it with --store-password-file.",
      );
    }
    const [hosts = "", ...path] = rest.slice(at + 1).split("/");
    return targetOf({ kind: shape as RedisTarget["kind"], tls: scheme === "rediss", user }, hosts, path);
  },
  format: (value) => value === "memory" ? value : formatTarget(value),
};

interface Given {
  readonly kind: RedisTarget["kind"];
  readonly tls: boolean;
  readonly user: string;
}

function targetOf({ kind, tls, user }: Given, hosts: string, path: readonly string[]): Parsed<RedisTarget> {
  const port = kind === "sentinel" ? SENTINEL_PORT : DEFAULT_PORT;
  const nodes = hosts.split(",").map((host) => nodeOf(host, port));
  if (!nodes.every((node) => node !== undefined)) return unfit("the store's host is none", REMEDY);
  if (kind === "single" && nodes.length > 1) return unfit("several hosts are named, and no cluster", REMEDY);
  const [master, database = "0", ...more] = kind === "sentinel" ? path : [undefined, ...path];
  if (kind === "sentinel" && !/^[\w.-]{1,128}$/.test(master ?? "")) {
    return unfit("it is not said what sentinels call the server", REMEDY);
  }
  if (more.length > 0 || !/^\d{0,5}$/.test(database)) return unfit("the number of the database is none", REMEDY);
  if (kind === "cluster" && Number(database) !== 0) {
    return unfit("a database is named", "Leave it out: a cluster has one only.");
  }
  let username: string | undefined;
  try {
    username = user === "" ? undefined : decodeURIComponent(user);
  } catch {
    return unfit("the store's user is not spelt as URLs spell it", REMEDY);
  }
  return { value: { kind, nodes, master, database: Number(database), tls, username } };
}

function nodeOf(text: string, defaultPort: number): RedisNode | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits ?? defaultPort);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function formatTarget({ kind, nodes, master, database, tls, username }: RedisTarget): string {
  const scheme = `redis${tls ? "s" : ""}${kind === "single" ? "" : `+${kind}`}`;
  const user = username === undefined ? "" : `${encodeURIComponent(username)}@`;
  const hosts = nodes.map(({ host, port }) => formatAuthority(host, port)).join(",");
  return `${scheme}://${user}${hosts}${master === undefined ? "" : `/${master}`}${
    database === 0 ? "" : `/${database}`
  }`;
}

/** What stands before every key in the store. */
export const keyPrefix: Kind<string> = {
  metavar: "TEXT",
  parse(text) {
    if (/^[A-Za-z0-9._:-]{1,64}$/.test(text)) return { value: text };
    return unfit(`${quoted(text)} is no prefix of keys`, "Write 1 to 64 letters, digits, dots, colons, _ and -.");
  },
  format: (value) => value,
};

const ADVERTISE_REMEDY = "Write http://HOST:PORT or https://HOST:PORT, with the address of this very replica.";

/** Where this replica is reached by others: scheme, host and port. */
export const advertisedAddress: Kind<string> = {
  metavar: "URL",
  parse(text) {
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return unfit("this is no address", ADVERTISE_REMEDY);
    const url = new URL(text);
    if (url.username !== "" || url.password !== "" || url.pathname !== "/" || url.search !== "" || url.hash !== "") {
      return unfit("there is more than an address", ADVERTISE_REMEDY);
    }
    if (["0.0.0.0", "[::]"].includes(url.hostname) || url.port === "0") {
      return unfit("nobody can be reached there", ADVERTISE_REMEDY);
    }
    return { value: url.origin };
  },
  format: (value) => value,
};

/** `dns:NAME`. */
export const peerNames: Kind<string> = {
  metavar: "dns:NAME",
  parse(text) {
    const name = /^dns:([a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?\.?)$/i.exec(text)?.[1];
    return name === undefined
      ? unfit(
        `${quoted(text)} is no name of peers`,
        "Write dns:NAME, for example dns:signet-peers.mcp.svc.cluster.local.",
      )
      : { value: name.toLowerCase() };
  },
  format: (value) => `dns:${value}`,
};

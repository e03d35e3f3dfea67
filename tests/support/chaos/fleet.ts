// Replicas as real processes, each with a real server of its own beside it, a real store, and nginx in front: all on
// loopback, or each on a machine of its own, so that a network can lose what they say to each other.
import { freePort } from "../../../scripts/free_port.ts";
import { Journal } from "../mcp_journal.ts";
import { Fixture, startFixture } from "../mcp_servers.ts";
import { newKey, Signet, startSignet } from "../mcp_signet.ts";
import { LOOPBACK, type Place } from "../place.ts";
import { RedisServer } from "../redis_server.ts";
import { TempFolder } from "../temp_folder.ts";
import { Balancer } from "./balancer.ts";
import { ALL_NETWORKS, type Host, Network } from "./network.ts";

export interface FleetOptions {
  readonly replicas: number;
  /** Further flags of all replicas. */
  readonly flags?: readonly string[];
  /** Each on a machine of its own: see network.ts. */
  readonly apart?: boolean;
}

export interface Member {
  readonly signet: Signet;
  readonly server: Fixture;
}

/** The network of replicas that are apart, and who is where in it. */
export interface Ways {
  readonly network: Network;
  readonly store: Host;
  readonly replicas: readonly Host[];
}

export class Fleet implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly balancer: Balancer;
  readonly redis: RedisServer;
  readonly journal: Journal;
  readonly #ways: Ways | undefined;
  readonly #stack: AsyncDisposableStack;
  readonly #keyFile: string;

  private constructor(
    parts: Pick<Fleet, "members" | "balancer" | "redis" | "journal"> & { keyFile: string; ways: Ways | undefined },
    stack: AsyncDisposableStack,
  ) {
    this.members = parts.members;
    this.balancer = parts.balancer;
    this.redis = parts.redis;
    this.journal = parts.journal;
    this.#keyFile = parts.keyFile;
    this.#ways = parts.ways;
    this.#stack = stack;
  }

  static async start({ replicas, flags = [], apart = false }: FleetOptions): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await TempFolder.create());
    const ways = apart ? await lay(stack, replicas) : undefined;
    const redis = stack.use(await (ways === undefined ? RedisServer.start() : RedisServer.at(ways.store)));
    const journal = stack.use(await Journal.create());
    const keyFile = `${folder.path}/ring.keys`;
    await Deno.writeTextFile(keyFile, newKey(), { mode: 0o600 });
    // A machine that is busy with all of this is no store that is silent.
    const shared = ["--store", redis.url, "--store-timeout", "5s", "--key-file", keyFile, ...flags];
    const started = Array.from({ length: replicas }, async (_, index) => {
      return await startMember(stack, { place: ways?.replicas[index], journal, flags: shared });
    });
    const members = await Promise.all(started);
    const backends = members.map(({ signet }) => new URL(signet.url).host);
    const balancer = stack.use(await Balancer.start(freePort(), backends, ways?.network.here));
    return new Fleet({ members, balancer, redis, journal, keyFile, ways }, stack.move());
  }

  /** @throws Error unless they are apart */
  get ways(): Ways {
    if (this.#ways === undefined) throw new Error("looking for the ways between replicas: all are on loopback");
    return this.#ways;
  }

  get #backends(): string[] {
    return this.members.map(({ signet }) => new URL(signet.url).host);
  }

  /** A new key seals from now on, in the two steps that replicas need; those before open on. */
  async rotateKey(): Promise<void> {
    const keys = (await Deno.readTextFile(this.#keyFile)).trim().split("\n");
    const [active = "", ...rest] = keys;
    const key = newKey();
    for (const ring of [[active, key, ...rest], [key, active, ...rest]]) {
      await Deno.writeTextFile(this.#keyFile, ring.join("\n"));
      for (const { signet } of this.members) signet.signal("SIGHUP");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** One after the other, as a deployment is rolled out. */
  async rollOut(): Promise<void> {
    for (const { signet } of this.members) {
      const ended = signet.kill("SIGTERM");
      // It is not ready from now on, and a balancer that looks notices before the port closes.
      await this.balancer.balance(this.#backends.filter((backend) => backend !== new URL(signet.url).host));
      await ended;
      await signet.restart();
      await this.balancer.balance(this.#backends);
    }
  }

  async metric(index: number, name: string): Promise<number> {
    const { signet } = this.members[index]!;
    const page = await (await fetch(`http://${signet.adminUrl.replace(/^http:\/\//, "")}/metrics`)).text();
    return Number(page.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** A machine for the store and one for each replica. */
async function lay(stack: AsyncDisposableStack, replicas: number): Promise<Ways> {
  const network = stack.use(await Network.start());
  const store = await network.host();
  const hosts: Host[] = [];
  for (let index = 0; index < replicas; index++) hosts.push(await network.host());
  return { network, store, replicas: hosts };
}

interface MemberOptions {
  /** A machine of its own, where ports are free; else a free port of loopback is taken. */
  readonly place: Place | undefined;
  readonly journal: Journal;
  readonly flags: readonly string[];
}

async function startMember(stack: AsyncDisposableStack, { place, journal, flags }: MemberOptions): Promise<Member> {
  const { ip, within } = place ?? LOOPBACK;
  const port = place === undefined ? freePort() : 8080;
  const server = stack.use(
    await startFixture("sdk1", { journal: journal.path, within, ...(place === undefined ? {} : { port: 3000 }) }),
  );
  const signet = stack.use(
    await startSignet({
      ...{ upstream: server.url, within, listen: `${ip}:${port}` },
      ...(place === undefined ? {} : { admin: `${ip}:9090` }),
      args: [
        ...["--advertise", `http://${ip}:${port}`, "--peer", place === undefined ? "127.0.0.0/8" : ALL_NETWORKS],
        ...["--principal", "bearer", "--connect-patience", "10s", "--drain-delay", "1s", "--drain-timeout", "5s"],
        ...(place === undefined ? [] : ["--unsafe-listen"]),
        ...flags,
      ],
    }),
  );
  return { signet, server };
}

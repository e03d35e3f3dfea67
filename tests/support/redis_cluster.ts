// A cluster of two Redis, each with half of the slots: `await using cluster = await RedisCluster.start()`. One may be silent or
// gone while the other answers for what it has.
import { freePort } from "../../scripts/free_port.ts";
import { RedisServer } from "./redis_server.ts";
import { TempFolder } from "./temp_folder.ts";
import { until } from "./until.ts";

/** Half of the 16,384 slots each. */
const SLOTS = [["0", "8191"], ["8192", "16383"]] as const;

export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly #folders: TempFolder[];

  private constructor(nodes: readonly RedisServer[], folders: TempFolder[]) {
    this.nodes = nodes;
    this.#folders = folders;
  }

  static async start(): Promise<RedisCluster> {
    const [folders, nodes]: [TempFolder[], RedisServer[]] = [[], []];
    const cluster = new RedisCluster(nodes, folders);
    for (const [first, last] of SLOTS) {
      const node = await startNode(folders);
      nodes.push(node);
      await node.ask("CLUSTER", "ADDSLOTSRANGE", first, last);
    }
    const [one, other] = nodes as [RedisServer, RedisServer];
    await meet(one, other);
    for (const node of nodes) {
      await until(async () => {
        const info = await node.ask("CLUSTER", "INFO");
        return /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info);
      }, "the cluster to be complete");
    }
    return cluster;
  }

  /** One that has all that a node has, and takes its place when it is told to. To be disposed of by whoever asks. */
  async addReplica(of: RedisServer): Promise<RedisServer> {
    const replica = await startNode(this.#folders);
    for (const node of this.nodes) await meet(node, replica);
    const id = /([0-9a-f]{40})/.exec(await of.ask("CLUSTER", "MYID"))?.[1] ?? "";
    await until(
      async () => (await replica.ask("CLUSTER", "REPLICATE", id)).startsWith("+OK"),
      "its master to be known",
    );
    await until(async () => /master_link_status:up/.test(await replica.ask("INFO", "replication")), "a replica");
    const whole = new RegExp(`${id} [^\\n]* connected \\d`);
    await until(async () => whole.test(await replica.ask("CLUSTER", "NODES")), "it to know what its master has");
    for (const node of this.nodes) {
      const linked = new RegExp(`:${replica.port}@[^\n]* connected`);
      await until(async () => linked.test(await node.ask("CLUSTER", "NODES")), "the replica to be known to all");
    }
    return replica;
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      node.thaw();
      await node[Symbol.asyncDispose]();
    }
    for (const folder of this.#folders) await folder[Symbol.asyncDispose]();
  }
}

async function startNode(folders: TempFolder[]): Promise<RedisServer> {
  const folder = await TempFolder.create();
  folders.push(folder);
  // Else the port for the cluster itself is 10,000 beyond the other: in use perhaps, or none at all. Nobody takes over.
  const words = ["--cluster-enabled", "yes", "--cluster-port", String(freePort()), "--dir", folder.path];
  const lasting = ["--cluster-node-timeout", "600000", "--cluster-require-full-coverage", "no"];
  return await RedisServer.start([...words, ...lasting, "--repl-diskless-sync-delay", "0"]);
}

async function meet(one: RedisServer, other: RedisServer): Promise<void> {
  const bus = /@(\d+)/.exec(await other.ask("CLUSTER", "NODES"))?.[1] ?? "";
  await one.ask("CLUSTER", "MEET", "127.0.0.1", String(other.port), bus);
}

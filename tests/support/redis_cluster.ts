// A cluster of two Redis, each with half of the slots: `await using cluster = await RedisCluster.start()`. One may be silent or
// gone while the other answers for what it has.
import { freePort } from "./free_port.ts";
import { RedisServer } from "./redis_server.ts";
import { TempFolder } from "./temp_folder.ts";
import { until } from "./until.ts";

/** Half of the 16,384 slots each. */
const SLOTS = [["0", "8191"], ["8192", "16383"]] as const;

export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly #folders: readonly TempFolder[];

  private constructor(nodes: readonly RedisServer[], folders: readonly TempFolder[]) {
    this.nodes = nodes;
    this.#folders = folders;
  }

  static async start(): Promise<RedisCluster> {
    const [folders, nodes]: [TempFolder[], RedisServer[]] = [[], []];
    const cluster = new RedisCluster(nodes, folders);
    for (const [first, last] of SLOTS) {
      const folder = await TempFolder.create();
      folders.push(folder);
      // Else the port for the cluster itself is 10,000 beyond the other: in use perhaps, or none at all. Nobody takes over.
      const words = ["--cluster-enabled", "yes", "--cluster-port", String(freePort()), "--dir", folder.path];
      const lasting = ["--cluster-node-timeout", "600000", "--cluster-require-full-coverage", "no"];
      const node = await RedisServer.start([...words, ...lasting]);
      nodes.push(node);
      await node.ask("CLUSTER", "ADDSLOTSRANGE", first, last);
    }
    const [one, other] = nodes as [RedisServer, RedisServer];
    const bus = /@(\d+)/.exec(await other.ask("CLUSTER", "NODES"))?.[1] ?? "";
    await one.ask("CLUSTER", "MEET", "127.0.0.1", String(other.port), bus);
    for (const node of nodes) {
      await until(async () => {
        const info = await node.ask("CLUSTER", "INFO");
        return /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info);
      }, "the cluster to be complete");
    }
    return cluster;
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

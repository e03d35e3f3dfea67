// Replicas as real processes, each with a real server of its own beside it, a real store, and nginx in front.
import { Fixture, freePort, startFixture } from "../mcp_servers.ts";
import { Journal } from "../mcp_journal.ts";
import { newKey, Signet, startSignet } from "../mcp_signet.ts";
import { RedisServer } from "../redis_server.ts";
import { TempFolder } from "../temp_folder.ts";
import { Balancer } from "./balancer.ts";

export interface FleetOptions {
  readonly replicas: number;
  /** Further flags of all replicas. */
  readonly flags?: readonly string[];
}

export interface Member {
  readonly signet: Signet;
  readonly server: Fixture;
}

export class Fleet implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly balancer: Balancer;
  readonly redis: RedisServer;
  readonly journal: Journal;
  readonly #stack: AsyncDisposableStack;
  readonly #keyFile: string;

  private constructor(
    parts: { members: Member[]; balancer: Balancer; redis: RedisServer; journal: Journal; keyFile: string },
    stack: AsyncDisposableStack,
  ) {
    this.members = parts.members;
    this.balancer = parts.balancer;
    this.redis = parts.redis;
    this.journal = parts.journal;
    this.#keyFile = parts.keyFile;
    this.#stack = stack;
  }

  static async start({ replicas, flags = [] }: FleetOptions): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await TempFolder.create());
    const redis = stack.use(await RedisServer.start());
    const journal = stack.use(await Journal.create());
    const keyFile = `${folder.path}/ring.keys`;
    await Deno.writeTextFile(keyFile, newKey(), { mode: 0o600 });
    const ports = Array.from({ length: replicas }, () => freePort());
    const members = await Promise.all(ports.map(async (port): Promise<Member> => {
      const server = stack.use(await startFixture("sdk1", { journal: journal.path }));
      const signet = stack.use(
        await startSignet({
          upstream: server.url,
          listen: `127.0.0.1:${port}`,
          args: [
            ...["--advertise", `http://127.0.0.1:${port}`, "--peer", "127.0.0.0/8"],
            ...["--store", redis.url, "--key-file", keyFile, "--principal", "bearer", "--connect-patience", "10s"],
            ...["--drain-delay", "1s", "--drain-timeout", "5s"],
            ...flags,
          ],
        }),
      );
      return { signet, server };
    }));
    const balancer = stack.use(await Balancer.start(freePort(), ports.map((port) => `127.0.0.1:${port}`)));
    return new Fleet({ members, balancer, redis, journal, keyFile }, stack.move());
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

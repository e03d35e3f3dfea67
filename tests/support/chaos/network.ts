// Machines on a network of their own, in network namespaces: packets between two of them can be lost without a word, so that
// connections hang where a relay that closes would refuse them. Needs root on Linux, iproute2 and util-linux.
// A namespace has no name: a process holds it, which ends with this one, and the kernel takes back all that was in it.
import { runBounded } from "../../../scripts/bounded_child.ts";
import { findProgram } from "../../../scripts/programs.ts";
import { endOverdue } from "../overdue.ts";
import type { Place } from "../place.ts";

/** Options for `Deno.test`: ignored, loudly, where no such network can be. */
export async function needingNetworks(what: string): Promise<{ readonly ignore: boolean }> {
  const why = await Network.obstacle();
  if (why !== undefined) console.warn(`%cNOT PROVEN: ${what}, because ${why}`, "color: red");
  return { ignore: why !== undefined };
}

/** No machine has this address: what is sent to it is seen by nobody. */
const NOBODY = "02:00:00:00:00:00";

/** How long a namespace may last, in ms. */
const LIFE_MS = 60 * 60_000;

/** 198.18.0.0/15 is for such networks (RFC 2544): one of 512 in it. */
const NETWORKS = 512;
export const ALL_NETWORKS = "198.18.0.0/15";

let started = 0;

export class Host implements Place {
  readonly ip: string;
  readonly within: readonly string[];

  constructor(ip: string, holder: number) {
    this.ip = ip;
    this.within = ["nsenter", `--net=/proc/${holder}/ns/net`, "setpriv", "--pdeathsig", "KILL", "--"];
  }
}

export class Network implements AsyncDisposable {
  /** This process's own place in it. A program that ends others is asked to end, so that it can. */
  readonly here: Place;
  readonly #stack: AsyncDisposableStack;
  readonly #prefix: string;
  readonly #bridge: Holder;
  #hosts = 0;

  private constructor(stack: AsyncDisposableStack, { prefix, bridge }: { prefix: string; bridge: Holder }) {
    this.here = { ip: `${prefix}.1`, within: ["setpriv", "--pdeathsig", "TERM", "--"] };
    this.#stack = stack;
    this.#prefix = prefix;
    this.#bridge = bridge;
  }

  /** @returns why there can be none here, in words that go on from "because"; undefined if there can */
  static async obstacle(): Promise<string | undefined> {
    for (const program of ["ip", "nsenter", "setpriv", "unshare"]) {
      if (await findProgram(program) === undefined) return `${program} is not here`;
    }
    try {
      await using network = await Network.start();
      await network.host();
      return undefined;
    } catch (error) {
      return `network namespaces cannot be made here (${(error as Error).message.trim()})`;
    }
  }

  static async start(): Promise<Network> {
    await using stack = new AsyncDisposableStack();
    const bridge = stack.use(await Holder.start("ip link add hub type bridge && ip link set hub up"));
    // In this process's own namespace: where this process is killed, it goes with its other end.
    const near = `sgn${Deno.pid}-${started++}`;
    const far = "here";
    const prefix = await freePrefix();
    await ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", String(bridge.pid));
    stack.defer(async () => void await ip("link", "delete", near));
    await ip("address", "add", `${prefix}.1/24`, "dev", near);
    await ip("link", "set", near, "up");
    await bridge.ip("link", "set", far, "master", "hub", "up");
    return new Network(stack.move(), { prefix, bridge });
  }

  /** One more machine. */
  async host(): Promise<Host> {
    const index = ++this.#hosts;
    const address = `${this.#prefix}.${index + 1}`;
    const holder = this.#stack.use(await Holder.start("ip link set lo up"));
    const end = `far${index}`;
    await this.#bridge.ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", String(holder.pid));
    await this.#bridge.ip("link", "set", end, "master", "hub", "up");
    await holder.ip("address", "add", `${address}/24`, "dev", "eth0");
    await holder.ip("link", "set", "eth0", "up");
    return new Host(address, holder.pid);
  }

  /** From now on nothing that `from` sends reaches `to`, and nobody tells it so. */
  async lose(from: Host, to: Host): Promise<void> {
    await run([...from.within, "ip", "neigh", "replace", to.ip, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"]);
  }

  /** From now on it does again. */
  async pass(from: Host, to: Host): Promise<void> {
    await run([...from.within, "ip", "neigh", "del", to.ip, "dev", "eth0"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** A process that holds a namespace until it ends, which it does with whoever has started it. */
class Holder implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** @param script run in the namespace first */
  static async start(script: string): Promise<Holder> {
    const child = new Deno.Command("unshare", {
      args: ["--net", "setpriv", "--pdeathsig", "KILL", "sh", "-c", `${script} && echo held && exec sleep infinity`],
      ...{ env: pathWithSbin(), stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    endOverdue(child, "a network namespace", LIFE_MS);
    const holder = new Holder(child);
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value === undefined) {
      const said = await new Response(child.stderr).text();
      await child.status;
      throw new Error(said);
    }
    await child.stderr.cancel();
    return holder;
  }

  async ip(...words: readonly string[]): Promise<void> {
    await run(["nsenter", `--net=/proc/${this.pid}/ns/net`, "ip", ...words]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended at this very moment.
    }
    await this.#child.status;
  }
}

/** The first three numbers of a network that this machine has no address in. */
async function freePrefix(): Promise<string> {
  const taken = await ip("-4", "-oneline", "address", "show");
  for (let turn = 0; turn < NETWORKS; turn++) {
    const number = (Deno.pid + turn) % NETWORKS;
    const prefix = `198.${18 + (number >> 8)}.${number & 255}`;
    if (!taken.includes(` ${prefix}.`)) return prefix;
  }
  throw new Error(`looking for a network: all of ${ALL_NETWORKS} are taken`);
}

function ip(...words: readonly string[]): Promise<string> {
  return run(["ip", ...words]);
}

/** @returns what it says @throws Error with what it says, if it fails */
async function run([command = "", ...args]: readonly string[]): Promise<string> {
  const what = `${command} ${args.join(" ")}`;
  const { code, stdout, stderr } = await runBounded(command, { what, args, env: pathWithSbin(), deadlineMs: 20_000 });
  if (code !== 0) throw new Error(`${what}: ${stderr.trim()}`);
  return stdout;
}

/** Debian keeps `ip` where not everybody looks. */
function pathWithSbin(): Record<string, string> {
  return { PATH: `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin` };
}

// Programs that are not Deno's and that tests or benches use: where to find them, how to get them.
import { delimiter } from "node:path";

export interface Program {
  readonly name: string;
  readonly install: string;
  readonly usedFor: string;
}

export const TEST_PROGRAMS: readonly Program[] = [
  { name: "openssl", install: "apt-get install openssl", usedFor: "TLS listeners and upstreams" },
  { name: "curl", install: "apt-get install curl", usedFor: "the demo's instructions" },
  { name: "bun", install: "npm install --global bun@1.4.5", usedFor: "the executable, and sockets on its runtime" },
  { name: "bash", install: "apt-get install bash", usedFor: "completions for bash" },
  { name: "zsh", install: "apt-get install zsh", usedFor: "completions for zsh, the tutorial" },
  { name: "fish", install: "apt-get install fish", usedFor: "completions for fish" },
  { name: "systemd-analyze", install: "apt-get install systemd", usedFor: "the systemd unit" },
  { name: "promtool", install: "apt-get install prometheus", usedFor: "Prometheus's configuration" },
  { name: "redis-server", install: "apt-get install redis-server", usedFor: "the store that replicas share" },
  { name: "nginx", install: "apt-get install nginx", usedFor: "the balancer in front of replicas" },
  { name: "ip", install: "apt-get install iproute2", usedFor: "networks that lose what replicas say to each other" },
  { name: "kubectl", install: "apt-get install kubernetes-client", usedFor: "the kustomization" },
];

export const BENCH_PROGRAMS: readonly Program[] = [
  { name: "wrk", install: "apt-get install wrk", usedFor: "load" },
  { name: "nginx", install: "apt-get install nginx", usedFor: "the proxy to compare with" },
  { name: "haproxy", install: "apt-get install haproxy", usedFor: "the other proxy to compare with" },
  { name: "python3", install: "apt-get install python3", usedFor: "the stdio server" },
];

/** The path of an executable on PATH or in /usr/sbin (where Debian keeps nginx and haproxy); undefined if there is none. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of [...(Deno.env.get("PATH") ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    const path = `${directory}/${name}`;
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.isFile && (info.mode === null || (info.mode & 0o111) !== 0)) return path;
  }
  return undefined;
}

// Packages under test: those in the folder that SIGNET_PACKAGES names, made by `deno task package`.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { thisTarget } from "../../scripts/compile_targets.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { sendRaw } from "./mcp_raw.ts";
import { needing } from "./programs.ts";
import { TempFolder } from "./temp_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { SIGNET_PACKAGES } = Deno.env.toObject();

/** Options for `Deno.test`: ignored, loudly, without packages or without a program. */
export async function packageOptions(programs: readonly string[], what: string): Promise<{ ignore: boolean }> {
  if (SIGNET_PACKAGES === undefined) {
    console.warn(`%cNOT PROVEN: ${what}, because SIGNET_PACKAGES names no folder of packages`, "color: red");
    return { ignore: true };
  }
  return await needing(programs, what);
}

/** The folder, whole. */
export const packagesFolder = (): string => resolve(ROOT, SIGNET_PACKAGES!);

/** The one package of that name. @throws Error if there is none, or more */
export function packagePath(name: RegExp): string {
  const found = [...Deno.readDirSync(packagesFolder())].map(({ name }) => name).filter((found) => name.test(found));
  if (found.length !== 1) {
    throw new Error(`looking for ${name} in ${packagesFolder()}: found ${found.length}, want one`);
  }
  return `${packagesFolder()}/${found[0]}`;
}

/** `linux-x64` as images are called. */
export const machine: string = (await thisTarget()).name;

/** A session through a Signet: its id is Signet's own, a call works with it, and another id is refused. */
export async function assertSealedSession(url: string, tool = "echo"): Promise<string> {
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const opened = await sendRaw(url, { message: { jsonrpc: "2.0", id: 1, method: "initialize", params } });
  assert.equal(opened.status, 200, opened.body);
  const id = opened.headers.get("mcp-session-id")!;
  assert.match(id, /^[0-9A-Za-z]{60,}$/);
  const headers = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  await sendRaw(url, { headers, message: { jsonrpc: "2.0", method: "notifications/initialized" } });
  await callTool(url, id, tool);
  const forged = await sendRaw(url, { headers: { ...headers, "mcp-session-id": `${id.slice(0, -8)}AAAAAAAA` } });
  assert.equal(forged.status, 404);
  return id;
}

export async function callTool(url: string, id: string, name: string): Promise<string> {
  const headers = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  const message = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name, arguments: {} } };
  const answer = await sendRaw(url, { headers, message });
  assert.equal(answer.status, 200, answer.body);
  assert.match(answer.body, /"result"/);
  return answer.body;
}

/** A working container of buildah's, made of an archive: no daemon, and the network of this machine. */
export class Container implements AsyncDisposable {
  readonly #folder: TempFolder;
  /** Its files, as this machine sees them. */
  readonly root: string;

  private constructor(folder: TempFolder, root: string) {
    this.#folder = folder;
    this.root = root;
  }

  /** @param options.as what the archive is read as; docker without containerd's store knows `docker-archive` only */
  static async of(archive: string, options: { as?: "oci-archive" | "docker-archive" } = {}): Promise<Container> {
    const folder = await TempFolder.create();
    try {
      await buildah(folder, ["from", "--quiet", "--name", "signet", `${options.as ?? "oci-archive"}:${archive}`]);
      return new Container(folder, (await buildah(folder, ["mount", "signet"])).trim());
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A command line that runs something in it, for what goes on running. */
  command(args: readonly string[]): { command: string; args: string[]; env: Record<string, string> } {
    return {
      command: "buildah",
      args: [...buildahFlags(this.#folder), "run", "signet", "--", ...args],
      env: ISOLATION,
    };
  }

  /** Runs something in it to its end. @throws Error unless that ends with 0 */
  run(args: readonly string[]): Promise<string> {
    return buildah(this.#folder, ["run", "signet", "--", ...args]);
  }

  /** What its image says of itself. */
  async configuration(): Promise<Record<string, unknown>> {
    const { OCIv1 } = JSON.parse(await buildah(this.#folder, ["inspect", "signet"]));
    return OCIv1.config;
  }

  /** The same as docker reads it, which knows of a health check. */
  async dockerConfiguration(): Promise<Record<string, unknown>> {
    const { Docker } = JSON.parse(await buildah(this.#folder, ["inspect", "signet"]));
    return Docker.config;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await buildah(this.#folder, ["rm", "signet"]).catch((error) => console.error(String(error)));
    await this.#folder[Symbol.asyncDispose]();
  }
}

const ISOLATION = { BUILDAH_ISOLATION: "chroot" };

const buildahFlags = ({ path }: TempFolder): string[] => [
  ...["--root", `${path}/root`, "--runroot", `${path}/run`, "--storage-driver", "vfs"],
];

function buildah(folder: TempFolder, args: readonly string[]): Promise<string> {
  return runTool("buildah", [...buildahFlags(folder), ...args], { what: args.join(" "), env: ISOLATION });
}

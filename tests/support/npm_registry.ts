// A registry of npm's on loopback that has the packages of one folder and nothing else: what npm does with ours is then
// what it would do with published ones.
import { createHash } from "node:crypto";
import { runTool } from "../../scripts/package/tool.ts";

interface Packed {
  readonly manifest: { readonly name: string; readonly version: string };
  readonly bytes: Uint8Array;
}

async function readPacked(path: string): Promise<Packed> {
  const manifest = JSON.parse(
    await runTool("tar", ["-xzOf", path, "package/package.json"], { what: `reading ${path}` }),
  );
  return { manifest, bytes: await Deno.readFile(path) };
}

export class NpmRegistry implements AsyncDisposable {
  readonly #packages: ReadonlyMap<string, Packed>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(packages: readonly Packed[]) {
    this.#packages = new Map(packages.map((packed) => [packed.manifest.name, packed]));
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  static async of(paths: readonly string[]): Promise<NpmRegistry> {
    return new NpmRegistry(await Promise.all(paths.map(readPacked)));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const [, name = "", isArchive] = /^\/([^/]+)(\/-\/)?/.exec(pathname) ?? [];
    const packed = this.#packages.get(name);
    if (packed === undefined) return Response.json({ error: "not found" }, { status: 404 });
    const { manifest, bytes } = packed;
    if (isArchive !== undefined) return new Response(bytes as Uint8Array<ArrayBuffer>);
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    const dist = { tarball: `${this.url}${name}/-/${name}-${manifest.version}.tgz`, integrity };
    return Response.json({
      name,
      "dist-tags": { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist } },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

// nginx as most have it in front of several replicas: round robin, nothing sticky, answers streamed.
import { findProgram } from "../../../scripts/programs.ts";
import { endOverdue } from "../overdue.ts";
import { LOOPBACK, type Place } from "../place.ts";
import { TempFolder } from "../temp_folder.ts";
import { until } from "../until.ts";

export class Balancer implements AsyncDisposable {
  readonly url: string;
  /** `host:port` */
  readonly #listen: string;
  readonly #folder: TempFolder;
  readonly #child: Deno.ChildProcess;

  private constructor(listen: string, folder: TempFolder, child: Deno.ChildProcess) {
    this.url = `http://${listen}/mcp`;
    this.#listen = listen;
    this.#folder = folder;
    this.#child = child;
  }

  /** As a balancer does that looks who is ready. What is under way goes on. */
  async balance(backends: readonly string[]): Promise<void> {
    await Deno.writeTextFile(`${this.#folder.path}/nginx.conf`, configOf(this.#listen, backends, this.#folder.path));
    this.#child.kill("SIGHUP");
  }

  /** @param backends `host:port` each */
  static async start(port: number, backends: readonly string[], place: Place = LOOPBACK): Promise<Balancer> {
    const folder = await TempFolder.create();
    const config = `${folder.path}/nginx.conf`;
    const listen = `${place.ip}:${port}`;
    await Deno.writeTextFile(config, configOf(listen, backends, folder.path));
    const program = await findProgram("nginx");
    if (program === undefined) throw new Error("starting the balancer: found no nginx");
    const [first, ...args] = [...place.within, program, "-p", folder.path, "-c", config, "-g", "daemon off;"];
    const child = new Deno.Command(first!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    endOverdue(child, "nginx", 15 * 60_000);
    await until(() => listens(place.ip, port), `nginx at ${listen} to listen`);
    return new Balancer(listen, folder, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function listens(hostname: string, port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return false;
  }
}

/** One that refuses is tried again at once: what has not been sent to it may go to the next. */
function configOf(listen: string, backends: readonly string[], prefix: string): string {
  return `
worker_processes 1;
worker_shutdown_timeout 10s;
pid ${prefix}/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${prefix}/body; proxy_temp_path ${prefix}/proxy;
  fastcgi_temp_path ${prefix}/f; uwsgi_temp_path ${prefix}/u; scgi_temp_path ${prefix}/s;
  large_client_header_buffers 4 16k;
  upstream replicas {
    ${backends.map((backend) => `server ${backend} max_fails=0;`).join("\n    ")}
  }
  server {
    listen ${listen};
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host 127.0.0.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_next_upstream error timeout;
    }
  }
}
`;
}

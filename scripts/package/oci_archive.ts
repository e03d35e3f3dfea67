// An image as an OCI archive (OCI image layout 1.0 in a tar): one manifest, one configuration, layers of files. No daemon
// and no tool takes part, and the same files give the same bytes. buildah, podman and skopeo read it (`oci-archive:`),
// docker does (`docker load`), with containerd's store by the OCI layout, without it by docker's own manifest.json.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tar, type TarEntry, textFile } from "./tar.ts";

export interface ImageOptions {
  /** `name:tag` that tools give it. */
  readonly reference: string;
  /** As Go calls the processor: amd64, arm64. */
  readonly architecture: string;
  readonly entrypoint: readonly string[];
  /** What docker runs inside to ask whether it is well. OCI has no field for it: docker reads it, others pass over it. */
  readonly healthCheck: readonly string[];
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly workingFolder: string;
  /** `org.opencontainers.image.…`; they are labels, too. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Lowest first. What changes seldom comes first, so that it is stored once. */
  readonly layers: readonly { readonly what: string; readonly entries: readonly TarEntry[] }[];
  /** Since the epoch. */
  readonly seconds: number;
}

interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

function blob(bytes: Uint8Array): Blob {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes };
}

const json = (value: unknown): Blob => blob(new TextEncoder().encode(JSON.stringify(value)));

const descriptor = (mediaType: string, { digest, bytes }: Blob) => ({ mediaType, digest, size: bytes.length });

const SECOND_NS = 1e9;

function configuration(options: ImageOptions, diffIds: readonly string[]) {
  const { architecture, entrypoint, healthCheck, user, env, ports, workingFolder, annotations, layers, seconds } =
    options;
  const created = new Date(seconds * 1000).toISOString();
  return {
    created,
    architecture,
    os: "linux",
    config: {
      User: user,
      ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      WorkingDir: workingFolder,
      Labels: annotations,
      StopSignal: "SIGTERM",
      Healthcheck: {
        Test: ["CMD", ...healthCheck],
        ...{ Interval: 5 * SECOND_NS, Timeout: 3 * SECOND_NS, StartPeriod: 5 * SECOND_NS },
      },
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: layers.map(({ what }) => ({ created, created_by: what })),
  };
}

/** The bytes of the archive. */
export function ociArchive(options: ImageOptions): Uint8Array<ArrayBuffer> {
  const { layers, seconds, annotations, reference, architecture } = options;
  const tars = layers.map(({ entries }) => tar(entries, seconds));
  const diffIds = tars.map((bytes) => blob(bytes).digest);
  const packed = tars.map((bytes) => blob(gzipSync(bytes, { level: 6 })));
  const config = json(configuration(options, diffIds));
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: packed.map((layer) => descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
    annotations,
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{
      ...descriptor("application/vnd.oci.image.manifest.v1+json", manifest),
      platform: { architecture, os: "linux" },
      annotations: { "org.opencontainers.image.ref.name": reference, "io.containerd.image.name": reference },
    }],
  };
  const path = ({ digest }: Blob) => `blobs/${digest.replace(":", "/")}`;
  const forDocker = [{ Config: path(config), RepoTags: [reference], Layers: packed.map(path) }];
  const blobs = [config, manifest, ...packed];
  return tar([
    textFile("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })),
    textFile("index.json", JSON.stringify(index)),
    textFile("manifest.json", JSON.stringify(forDocker)),
    { kind: "folder", path: "blobs" },
    { kind: "folder", path: "blobs/sha256" },
    ...blobs.map((each): TarEntry => ({ kind: "file", path: path(each), bytes: each.bytes })),
  ], seconds);
}

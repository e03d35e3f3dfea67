// The Debian package: the executable, its unit, an annotated configuration that an upgrade leaves alone, a man page and
// completions. No user is made (the unit has DynamicUser=), nothing is started: without a key there is nothing to start.
import { gzipSync } from "node:zlib";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { completionScript } from "../../lib/cli/commands/completions.ts";
import type { Written } from "./image.ts";
import { manPage } from "./man_page.ts";
import { architectureOf, type Product, SUMMARY } from "./product.ts";
import { runTool } from "./tool.ts";

const CONFIGURATION = "etc/signet/signet.yaml";
const MAINTAINER = "Signet's maintainers <signet@localhost>";

function copyright(licence: string): string {
  const indented = licence.trimEnd().split("\n").map((line) => line.trim() === "" ? " ." : ` ${line}`).join("\n");
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: signet
Comment: The executable holds a runtime and packages under licences of their own; the bill of materials names them.

Files: *
Copyright: ${/Copyright \(c\) (.+)/.exec(licence)?.[1] ?? "the authors of Signet"}
License: Expat

License: Expat
${indented}
`;
}

/**
 * Scripts of the package. DPKG_ROOT is another root that one installs into (`dpkg --root`): nothing runs there to be told.
 * Removed, the unit is stopped; purged, state and configuration are gone. Logs stay, and what the administrator has put
 * beside the configuration (the key, without which no audit log can be verified); purge says so.
 */
const script = (text: string): string => `#!/bin/sh\nset -e\n${text}`;
const SYSTEMD_RUNS = '[ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]';
const PRERM = script(`if [ "$1" = remove ] && ${SYSTEMD_RUNS}; then
  systemctl --no-reload disable --now signet.service >/dev/null 2>&1 || true
fi
`);
const POSTRM = script(`if ${SYSTEMD_RUNS}; then systemctl daemon-reload >/dev/null 2>&1 || true; fi
if [ "$1" = purge ]; then
  rm -rf "$DPKG_ROOT/var/lib/signet" "$DPKG_ROOT/var/lib/private/signet"
  rmdir --ignore-fail-on-non-empty "$DPKG_ROOT/etc/signet" 2>/dev/null || true
  for left in /etc/signet /var/log/signet /var/log/private/signet; do
    [ -d "$DPKG_ROOT$left" ] && [ ! -L "$DPKG_ROOT$left" ] && [ -n "$(ls -A "$DPKG_ROOT$left")" ] || continue
    echo "signet: left $left as it is: audit logs, and the keys that verify them, are not removed with a package"
  done
fi
`);
const POSTINST = script(`if [ "$1" = configure ] && ${SYSTEMD_RUNS}; then
  systemctl daemon-reload >/dev/null 2>&1 || true
  if [ -n "$2" ]; then systemctl try-restart signet.service >/dev/null 2>&1 || true; fi
fi
`);

function control(product: Product, bytes: number): string {
  return `Package: signet
Version: ${product.version}
Architecture: ${architectureOf(product.target)}
Maintainer: ${MAINTAINER}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.25)
Recommends: ca-certificates, util-linux
Section: net
Priority: optional
Description: ${SUMMARY}
 Signet stands in front of an MCP server, over HTTP or over stdio, and looks
 after its sessions: ids that cannot be forged, owners that are checked on
 every request, sessions that outlive restarts. Client and server stay as
 they are.
`;
}

interface Placed {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode?: number;
}

async function files(product: Product): Promise<Placed[]> {
  const { root, version, seconds } = product;
  const read = (path: string) => Deno.readTextFile(`${root}/${path}`);
  const zipped = (text: string) => gzipSync(new TextEncoder().encode(text), { level: 9 });
  return [
    { path: "usr/bin/signet", content: await Deno.readFile(product.path), mode: 0o755 },
    { path: "usr/lib/systemd/system/signet.service", content: await read("deploy/systemd/signet.service") },
    { path: CONFIGURATION, content: await read("deploy/signet.yaml") },
    { path: "usr/share/man/man1/signet.1.gz", content: zipped(manPage({ version, seconds })) },
    { path: "usr/share/bash-completion/completions/signet", content: completionScript("bash", COMMANDS) },
    { path: "usr/share/zsh/vendor-completions/_signet", content: completionScript("zsh", COMMANDS) },
    { path: "usr/share/fish/vendor_completions.d/signet.fish", content: completionScript("fish", COMMANDS) },
    { path: "usr/share/doc/signet/copyright", content: copyright(await read("LICENSE")) },
    { path: "usr/share/doc/signet/changelog.gz", content: zipped(await read("CHANGELOG.md")) },
    { path: "usr/share/doc/signet/sbom.cdx.json", content: JSON.stringify(product.sbom, undefined, 2) + "\n" },
    { path: "DEBIAN/conffiles", content: `/${CONFIGURATION}\n` },
    { path: "DEBIAN/prerm", content: PRERM, mode: 0o755 },
    { path: "DEBIAN/postinst", content: POSTINST, mode: 0o755 },
    { path: "DEBIAN/postrm", content: POSTRM, mode: 0o755 },
  ];
}

/** Writes `signet_VERSION_ARCHITECTURE.deb`. */
export async function packDeb(product: Product): Promise<Written> {
  const { target, out, version, seconds } = product;
  if (!/^linux-(x64|arm64)$/.test(target.name)) throw new Error(`no Debian runs ${target.name}`);
  const folder = await Deno.makeTempDir({ prefix: "signet_deb_" });
  try {
    await Deno.chmod(folder, 0o755);
    const placed = await files(product);
    const size = placed.reduce((total, { content }) => total + content.length, 0);
    for (
      const { path, content, mode = 0o644 } of [...placed, { path: "DEBIAN/control", content: control(product, size) }]
    ) {
      await Deno.mkdir(`${folder}/${path.replace(/\/[^/]+$/, "")}`, { recursive: true });
      await Deno.writeFile(
        `${folder}/${path}`,
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
      await Deno.chmod(`${folder}/${path}`, mode);
    }
    await runTool("chmod", ["-R", "u=rwX,go=rX", folder], { what: "setting modes" });
    const path = `${out}/signet_${version}_${architectureOf(target)}.deb`;
    const args = ["--root-owner-group", "-Zgzip", "-z6", "--build", folder, path];
    // The times of files and of the archive: dpkg-deb clamps to it.
    await runTool("dpkg-deb", args, { what: "building the package", env: { SOURCE_DATE_EPOCH: String(seconds) } });
    return { paths: [path] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

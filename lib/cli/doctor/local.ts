// What lies on this machine: the program, keys, state, the listener's certificate, and a Signet that runs already.
import { certificateTerm } from "../../config/named/certificate_term.ts";
import { modeOpenToOthers } from "../../config/named/named_files.ts";
import type { Settings } from "../../config/schema.ts";
import { formatAddress } from "../../config/values/addresses.ts";
import { dialled } from "../../config/values/admin_url.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { certificateOf } from "../../platform/runtime/builtin.ts";
import { runtimeFacts } from "../../platform/runtime/runtime.ts";
import { VERSION } from "../../platform/version.ts";
import type { CommandContext } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { foreignListeners } from "../listeners.ts";
import { type Finding, type Findings, timeBoxed } from "./finding.ts";

const TIMEOUT_MS = 5_000;

export function examineProgram(): Finding {
  const { runtime, version, target, sqlite } = runtimeFacts();
  const found = `signet ${VERSION} on ${runtime} ${version}, ${target}, sqlite ${sqlite ?? "unknown"}`;
  return { verdict: "ok", what: "program", found };
}

export async function* examineFiles(context: CommandContext, { settings, keys }: Configuration): Findings {
  // That there is none is among the warnings already.
  if (!keys.ephemeral) {
    const count = keys.ring.keys.length;
    const others = count === 1 ? "" : `, ${count - 1} more open`;
    yield { verdict: "ok", what: "key", found: `${keys.ring.active.id} seals${others} (${keys.source})` };
  }
  for (
    const [what, path] of [["key file", settings.keyFile], ["state", settings.stateFile], [
      "admin token",
      settings.adminTokenFile,
    ]] as const
  ) {
    if (path !== undefined) yield await judgeFile(context, what, path);
  }
  const log = settings.audit?.kind === "file" ? await context.auditLogFault?.(settings.audit.path) : undefined;
  if (log !== undefined) yield { verdict: "fail", what: "audit log", found: log.problem, cure: log.remedy };
  if (settings.stateFile === undefined && settings.store === "memory") {
    const found = "in memory: a restart forgets what was deleted and revoked";
    yield { verdict: "warn", what: "state", found, cure: "Name a file with --state." };
  }
  if (settings.tlsCertFile !== undefined) yield await judgeCertificate(context, settings.tlsCertFile);
}

async function judgeFile(context: CommandContext, what: string, path: string): Promise<Finding> {
  const mode = await context.fileMode(path).catch(() => undefined);
  if (mode === undefined || mode === null) return { verdict: "ok", what, found: `${path}: will be made` };
  const fault = what === "state" ? await context.stateFault?.(path) : undefined;
  if (fault !== undefined) return { verdict: "fail", what, found: fault.problem, cure: fault.remedy };
  const shown = `${path}: mode ${(mode & 0o777).toString(8)}`;
  if (await modeOpenToOthers(context, path, 0o077) === undefined) return { verdict: "ok", what, found: shown };
  const cure = `Others can read or write it: chmod 600 ${path}.`;
  return { verdict: "warn", what, found: shown, cure };
}

async function judgeCertificate(context: CommandContext, path: string): Promise<Finding> {
  const what = "certificate";
  const pem = await context.readTextFile(path).catch(() => "");
  const term = certificateTerm(pem, context.now());
  if (term === undefined) {
    return { verdict: "fail", what, found: `${path}: holds no certificate`, cure: "Name a PEM file with --tls-cert." };
  }
  const found = `${path}: ${certificateOf(pem).subject.replaceAll("\n", ", ")}, ${term.found}`;
  if (term.state === "ok") return { verdict: "ok", what, found };
  return { verdict: term.state === "bad" ? "fail" : "warn", what, found, cure: term.remedy };
}

/** A Signet that listens where this configuration says: reached by every name that clients may use. */
export async function* examineListener(context: CommandContext, settings: Settings): Findings {
  const { listen, path, allowHosts, tlsCertFile } = settings;
  const foreign = await foreignListeners(context, settings);
  for (const { found, cure } of foreign) yield { verdict: "fail", what: "listener", found, cure };
  if (foreign.some(({ flag }) => flag === "--listen")) return;
  const where = formatAddress(listen);
  if (listen.port === 0) return void (yield skip("listener", `${where}: any free port, which cannot be known here`));
  if (tlsCertFile !== undefined) return void (yield skip("listener", `${where}: speaks TLS; try it with a client`));
  const own = isLoopbackHost(listen.hostname) ? ["localhost"] : [];
  for (const name of [...own, ...allowHosts]) {
    const url = `http://${dialled(listen)}${path}`;
    try {
      const response = await timeBoxed(
        TIMEOUT_MS,
        (signal) => context.fetch(url, { method: "GET", headers: { host: name, accept: "application/json" }, signal }),
      );
      const text = await response.text();
      yield judgeAnswer(name, where, { status: response.status, text });
    } catch {
      return void (yield skip("listener", `${where}: no Signet runs there now`));
    }
  }
}

function judgeAnswer(name: string, where: string, { status, text }: { status: number; text: string }): Finding {
  const what = "listener";
  const isSignet = text.includes('"jsonrpc"');
  if (isSignet && status !== 403 && status !== 404) {
    return { verdict: "ok", what, found: `${where}: reached as ${name}` };
  }
  if (isSignet) {
    const cure = "The Signet that runs there has another configuration: reload or restart it.";
    return { verdict: "fail", what, found: `${where}: refuses the name ${name} or the path (status ${status})`, cure };
  }
  const cure = "Something else listens there: choose another --listen, or stop it.";
  return { verdict: "fail", what, found: `${where}: what answers is no Signet (status ${status})`, cure };
}

function skip(what: string, found: string): Finding {
  return { verdict: "skip", what, found };
}

// The audit log that the settings ask for, opened and put among those who observe. Loaded for that alone.
import type { AuditLog } from "../audit/audit_log.ts";
import type { ChainKey } from "../audit/chain.ts";
import type { Recovered } from "../audit/recover.ts";
import type { AuditSink } from "../audit/sink.ts";
import type { Settings } from "../config/schema.ts";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import { ConfigError } from "../errors.ts";
import { namesMemberTwice } from "../mcp/json/json_text.ts";
import type { Logger } from "../observe/log.ts";
import type { Observers } from "../observe/observers.ts";
import { systemFault } from "../platform/faults/system_fault.ts";
import { machineName, processId } from "../platform/process/this_process.ts";
import { randomBytes } from "../platform/random.ts";
import { VERSION } from "../platform/version.ts";

export interface AuditParts {
  readonly observers: Observers;
  readonly ring: KeyRing;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What seals an audit log under a ring: its active key seals, the others verify. */
export function chainKeyOf({ id, auditKey }: MasterKey): ChainKey {
  return { id, secret: auditKey };
}

/** Undefined where none is configured. @throws ConfigError if it cannot be written */
export async function openAudit(settings: Settings, parts: AuditParts): Promise<AuditLog | undefined> {
  const { audit: target, auditWhenFull: whenFull } = settings;
  if (target === undefined) return undefined;
  const { observers, ring, log, now } = parts;
  const { AuditLog } = await import("../audit/audit_log.ts");
  const { sink, recovered } = await openSink(settings, target);
  const chainId = randomBytes(16).toHex();
  const key = chainKeyOf(ring.active);
  const audit = new AuditLog({ sink, key, recovered, whenFull, log, now, chainId, version: VERSION });
  observers.add(audit);
  if (whenFull === "wait") observers.gate = () => audit.room();
  await readArguments(settings, observers, key);
  const head = recovered === undefined ? undefined : `${recovered.seq}:${recovered.mac}`;
  log.info("audit log opened", { sink: sink.kind, chain: chainId, head });
  return audit;
}

async function readArguments(settings: Settings, observers: Observers, key: ChainKey): Promise<void> {
  const { auditArguments, auditArgument: chosen } = settings;
  if (auditArguments === "none" && chosen.length === 0) return;
  const { ArgumentReader } = await import("../audit/arguments.ts");
  const digestKey = auditArguments === "digest" ? key.secret : undefined;
  const reader = new ArgumentReader({ chosen, digestKey, namesMemberTwice });
  observers.readArguments = (record, text) => void (record.args = reader.read(record.name, text));
}

interface OpenedSink {
  readonly sink: AuditSink;
  readonly recovered?: Recovered | undefined;
}

async function openSink(settings: Settings, target: NonNullable<Settings["audit"]>): Promise<OpenedSink> {
  switch (target.kind) {
    case "stdout": {
      const { StdoutSink } = await import("../audit/stdout_sink.ts");
      return { sink: new StdoutSink() };
    }
    case "syslog": {
      const { SyslogSink } = await import("../audit/syslog_sink.ts");
      return { sink: new SyslogSink({ target: target.target, hostname: machineName() ?? "", pid: processId() }) };
    }
    case "file":
      return await openFile(target.path, settings.unsafeFiles);
  }
}

/** @throws ConfigError */
async function openFile(path: string, trustsOthers: boolean): Promise<OpenedSink> {
  const { FileSink } = await import("../audit/file_sink.ts");
  try {
    const sink = await FileSink.open({ path, trustsOthers });
    return { sink, recovered: sink.recovered };
  } catch (error) {
    const found = error instanceof Error && error.name === "NoAuditLog"
      ? error.message
      : `cannot be written (${systemFault(error) ?? String(error)})`;
    const { AUDIT_FILE_REMEDY: remedy } = await import("../audit/log_fault.ts");
    throw new ConfigError([{ place: "--audit", problem: `the audit log ${path} ${found}`, remedy }]);
  }
}

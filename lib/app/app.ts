// Wires everything once; starts, reloads and drains it (docs/behaviour.md P1, P2).
// READY never follows STOPPING: once draining has begun, readiness stays false.
import type { AdminServer } from "../admin/admin.ts";
import type { Settings } from "../config/schema.ts";
import { KeyRing } from "../envelope/key_ring.ts";
import { AccessLog } from "../gateway/access_log.ts";
import { endAdopted } from "../gateway/in/adopt.ts";
import { CHANGING_FIELDS, SINGLETON_FIELDS } from "../gateway/inbound.ts";
import { endAllReopened } from "../gateway/out/sessions/end.ts";
import type { GatewayParts } from "../gateway/parts.ts";
import { handle } from "../gateway/path.ts";
import { renderEngineError } from "../gateway/refuse.ts";
import { type Http1Server, serveHttp1, type ServeOptions } from "../http1/server/server.ts";
import { formatAuthority } from "../http1/wire/authority.ts";
import type { Logger } from "../observe/log.ts";
import type { MetricsPage } from "../observe/metrics.ts";
import type { LifeEvent, Observers } from "../observe/observers.ts";
import { handshakeFault } from "../platform/faults/handshake_fault.ts";
import { makeLazyFunctions } from "../platform/runtime/lazy_functions.ts";
import { pause, settlesWithin, SYSTEM_TIMERS } from "../platform/time/timers.ts";
import { HOP_ALLOWANCE } from "../replica/hop_proof.ts";
import { chainKeyOf } from "./audit.ts";
import { buildInfo } from "./build_info.ts";
import { capsOf } from "./caps.ts";
import { withinDescriptors } from "./connection_bound.ts";
import { createLasting, type Lasting } from "./lasting.ts";
import { createMetricsPage } from "./metrics/metrics_page.ts";
import { openAdmin } from "./operators/admin_listener.ts";
import type { Operations } from "./operators/operations.ts";
import { operationsOf } from "./operators/own_operations.ts";
import { Reachability } from "./operators/reachability.ts";
import { createParts } from "./parts/gateway_parts.ts";
import { needRestart, withLive } from "./reload/live.ts";
import { Reloads } from "./reload/reloads.ts";
import { Rounds } from "./rounds.ts";
import { type AppOptions, ListenError, type RunningApp } from "./running_app.ts";
import type { Telemetry } from "./telemetry.ts";

/** What waits to be written to the audit log is waited for so long when Signet ends. */
const AUDIT_FAREWELL_MS = 3000;
/** Bodies up to here are waited for before a request is looked at: then the fast lane can take it. */
const GATHERED_BYTES = 16 * 1024;
/** What servers may take to end the sessions that nothing leads to any more. */
const END_TIMEOUT_MS = 2000;

/** Starts serving. @throws ConfigError; a fault of the system (AddrInUse) where listening fails */
export async function startApp(options: AppOptions): Promise<App> {
  makeLazyFunctions();
  const { now, descriptors, given } = options;
  const telemetry = await telemetryFor(options);
  const log = telemetry?.log ?? options.log;
  const settings = withinDescriptors(options.settings, { log, descriptors, given });
  const { ring, ephemeral } = await options.loadKeys();
  if (ephemeral && settings.audit !== undefined) {
    log.warn("nobody will be able to verify the audit log: its key ends with this process", {
      remedy: "Make a key with `signet keys new` and set --key-file.",
    });
  }
  const lasting = await createLasting({ settings, ring, log, now, telemetry, worker: options.worker });
  const parts = await createParts(lasting, settings);
  const app = new App({ ...options, settings, log: lasting.log }, lasting, parts);
  await app.open();
  return app;
}

async function telemetryFor({ telemetry: settings, log, now }: AppOptions): Promise<Telemetry | undefined> {
  if (settings === undefined) return undefined;
  const { openTelemetry } = await import("./telemetry.ts");
  return await openTelemetry({ settings, log, timers: { ...SYSTEM_TIMERS, now } });
}

export class App implements RunningApp {
  readonly #options: AppOptions;
  readonly #lasting: Lasting;
  readonly #server: Http1Server;
  readonly #reachability: Reachability;
  readonly #rounds: Rounds;
  readonly #reloads: Reloads;
  /** What is counted, whoever reads it. */
  readonly metrics: MetricsPage;
  readonly operations: Operations;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #startedAtMs: number;
  #settings: Settings;
  /** `--access-log`; undefined when off. */
  #stopAccessLog: (() => void) | undefined;
  #parts: GatewayParts;
  #admin: AdminServer | undefined;
  #listen = "";

  constructor(options: AppOptions, lasting: Lasting, parts: GatewayParts) {
    const { settings, log, now } = options;
    this.#options = options;
    this.#lasting = lasting;
    this.#settings = settings;
    this.#parts = parts;
    lasting.law.enact(parts.rulesAndRates, now());
    this.#startedAtMs = now();
    this.#reachability = new Reachability(lasting.upstream, now);
    this.#server = serveHttp1({
      ...engineOptions(settings),
      handler: (exchange) => handle(this.#parts, exchange),
      renderError: (error, refused) => renderEngineError(this.#parts, error, refused),
      account: lasting.account,
      onTlsFault: (cause, from) => tellTlsFault(log, cause, from),
      onHandlerFailure: (cause) => log.error("handling a request failed", { cause: String(cause) }),
    });
    this.#reloads = new Reloads(now());
    this.metrics = createMetricsPage({
      lasting,
      server: this.#server,
      parts: () => this.#parts,
      startedAtMs: this.#startedAtMs,
      droppedLines: options.droppedLines ?? (() => 0),
      build: buildInfo(),
      reloads: this.#reloads,
      maxConnections: settings.maxConnections,
    });
    this.operations = operationsOf({
      ...{ options, lasting, server: this.#server, startedAtMs: this.#startedAtMs },
      settings: () => this.#settings,
      checkUpstream: () => this.#reachability.check(),
      metrics: () => this.metrics.render(),
    });
    this.#setAccessLog(settings);
    const { exchanges: received, sent } = lasting.metrics;
    lasting.telemetry?.measure({ page: this.metrics, received, sent });
    this.#rounds = new Rounds({
      ...{ lasting, server: this.#server, sweepIntervalMs: settings.sweepIntervalMs },
      parts: () => this.#parts,
      maxConnections: () => this.#settings.maxConnections,
      tell: (event) => this.#tell(event),
    });
  }

  #setAccessLog({ accessLog }: Settings): void {
    const { observers, log } = this.#lasting;
    if (accessLog === (this.#stopAccessLog !== undefined)) return;
    this.#stopAccessLog?.();
    this.#stopAccessLog = accessLog ? observers.add(new AccessLog(log.unbounded)) : undefined;
  }

  get listen(): string {
    return this.#listen;
  }

  get admin(): string | undefined {
    return this.#admin?.address;
  }

  /** Who is told of what happens here; to be added to at any time. */
  get observers(): Observers {
    return this.#lasting.observers;
  }

  /** Whether the store answers, and what other replicas say in it is heard; true where none is shared. */
  get storeIsWhole(): boolean {
    const state = this.#lasting.store.shared?.state();
    return state === undefined || (state.up && state.listening);
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Opens all listeners, or none. */
  async open(): Promise<void> {
    const { listen, path, tlsCertFile, tlsKeyFile } = this.#settings;
    const { worker } = this.#options;
    const tls = tlsCertFile === undefined || tlsKeyFile === undefined
      ? {}
      : { tls: { certFile: tlsCertFile, keyFile: tlsKeyFile } };
    try {
      const hop = worker?.hop;
      if (hop !== undefined) await listening("--workers", hop, () => this.#server.listen({ ...hop, inner: true }));
      worker?.onPrepared();
      await worker?.mayListen;
      const listener = await listening(
        "--listen",
        listen,
        () => this.#server.listen({ ...listen, ...tls, shared: worker !== undefined }),
      );
      this.#listen = `${listener.secure ? "https" : "http"}://${
        formatAuthority(listener.address.hostname, listener.address.port)
      }${path}`;
      const { admin } = this.#settings;
      if (admin !== "off") this.#admin = await listening("--admin", admin, () => this.#openAdmin(admin));
    } catch (error) {
      await this.#release();
      await this.#lasting.audit?.close(AUDIT_FAREWELL_MS);
      throw error;
    }
  }

  async #openAdmin(admin: Exclude<Settings["admin"], "off">): Promise<AdminServer> {
    return await openAdmin(admin, {
      ...{ options: this.#options, operations: this.operations, settings: this.#settings },
      ...{ token: this.#lasting.secrets.adminToken, log: this.#lasting.log },
    });
  }

  async reload(): Promise<readonly string[]> {
    // Whether or not the settings are sound: who rotates files expects it of this signal.
    const rotation = this.#lasting.audit?.reopen().catch((error) => this.#tellOfRotation(error));
    // Where it cannot be written now, it is rotated as soon as it can.
    if (rotation !== undefined) await settlesWithin(rotation, AUDIT_FAREWELL_MS, SYSTEM_TIMERS);
    try {
      const restart = await this.#reloads.count(this.#options.now, () => this.#reload());
      this.#tell({ event: "config.reload", ok: true });
      return restart;
    } catch (error) {
      this.#tell({ event: "config.reload", ok: false });
      throw error;
    }
  }

  #tellOfRotation(error: unknown): void {
    this.#options.log.error("audit log not rotated: it goes on in the old file", {
      cause: (error as Error).message,
      remedy: "The file of its name must be absent or empty, and Signet able to make it.",
    });
  }

  #tell(event: Omit<LifeEvent, "atMs">): void {
    const { observers, now } = this.#lasting;
    if (observers.watched) observers.tellEvent({ ...event, atMs: now() });
  }

  async #reload(): Promise<readonly string[]> {
    const { log, now, loadKeys, reloadSettings, descriptors } = this.#options;
    const wanted = withinDescriptors(await reloadSettings(), { descriptors });
    const { ring } = await loadKeys();
    const settings = withLive(this.#settings, wanted);
    const parts = await createParts(this.#lasting, settings);
    await this.#server.reload();
    const replaced = await this.#lasting.filesAtStart?.changed() ?? [];
    const restart = [...new Set([...needRestart(this.#settings, wanted), ...replaced])];
    if (restart.length > 0) log.warn("some settings change only with a restart", { settings: restart.join(" ") });
    this.#settings = settings;
    this.#parts = parts;
    // Streams that began where nothing was ruled would go on as they began: they are opened again.
    if (this.#lasting.law.policy === undefined && parts.rulesAndRates.policy !== undefined) {
      this.#lasting.underWay.endStreams("drain");
    }
    this.#lasting.law.enact(parts.rulesAndRates, now());
    this.#lasting.limits.setCaps(capsOf(settings));
    this.#lasting.registry.setRing(ring, now());
    this.#setAccessLog(settings);
    this.#lasting.audit?.setKey(chainKeyOf(ring.active));
    this.#options.onReloaded?.(settings);
    this.#lasting.adoption.isOpen = settings.adopt;
    if (!settings.adopt) endAdopted(parts);
    this.#lasting.underWay.distrust();
    return restart;
  }

  async drain(): Promise<{ readonly cutStreams: number }> {
    const { lifecycle, registry, underWay, upstream } = this.#lasting;
    lifecycle.leaving = true;
    // Connections end with their next answer: none is closed under a request that is on its way (R7).
    this.#server.leave();
    const { drainDelayMs } = this.#settings;
    lifecycle.closesAtMs = this.#options.now() + drainDelayMs;
    if (drainDelayMs > 0) await pause(drainDelayMs, SYSTEM_TIMERS);
    // First of all, in a turn of its own: whoever has connected and is not accepted yet is reset.
    this.#server.stopAccepting();
    lifecycle.draining = true;
    underWay.endStreams("drain");
    const cutStreams = await this.#server.drain(this.#settings.drainTimeoutMs);
    registry.abortAll("drain", this.#options.now());
    // What memory alone leads to goes with it; nobody waits long for a server that does not answer.
    await settlesWithin(endAllReopened(upstream, registry.sessions()), END_TIMEOUT_MS, SYSTEM_TIMERS);
    await this.#release();
    await this.#admin?.close();
    await this.#lasting.audit?.close(AUDIT_FAREWELL_MS);
    this.#stopped.resolve();
    return { cutStreams };
  }

  /** Takes keys that others may seal with from now on; this process seals with its own as before. */
  openAlsoWith(ring: KeyRing): void {
    const { registry, now } = this.#lasting;
    const current = registry.ring;
    const more = ring.keys.filter(({ idWord }) => current.find(idWord) === undefined);
    if (more.length > 0) registry.setRing(new KeyRing([...current.keys, ...more]), now());
  }

  /** Takes back what `openAlsoWith` gave: `ring` is the one in force. */
  openOnlyWith(ring: KeyRing): void {
    this.#lasting.registry.setRing(ring, this.#options.now());
  }

  /** Ends at once: everything is cut, and what is there only for this process is let go of. */
  async end(): Promise<void> {
    this.#lasting.lifecycle.leaving = this.#lasting.lifecycle.draining = true;
    await this.#release();
    await this.#lasting.audit?.close(AUDIT_FAREWELL_MS);
    this.#stopped.resolve();
  }

  async #release(): Promise<void> {
    this.#rounds.stop();
    this.#server.close();
    this.#lasting.replicas.close();
    await this.#lasting.opened.close();
    this.#lasting.pools?.close();
    await this.#lasting.store.close();
    await this.#lasting.telemetry?.close();
  }
}

/** There is no request yet that could be answered: without a line nobody would know why clients stay away (V1). */
function tellTlsFault(log: Logger, cause: unknown, from: string): void {
  const fault = handshakeFault(cause);
  if (fault === undefined) return;
  log.info("a client's TLS handshake failed", { code: "tls_handshake", from, ...fault });
}

/** What the HTTP engine takes of heads and bodies, and for how long it waits. */
function engineOptions(settings: Settings): Pick<ServeOptions, "headLimits" | "singletons" | "limits"> {
  const { principalHeader, maxHeadBytes, maxBodyBytes, maxConnections } = settings;
  const { headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, writeTimeoutMs } = settings;
  return {
    headLimits: { changing: CHANGING_FIELDS, allowance: HOP_ALLOWANCE },
    singletons: principalHeader === undefined ? SINGLETON_FIELDS : [...SINGLETON_FIELDS, principalHeader],
    limits: {
      ...{ maxHeadBytes, maxBodyBytes, maxConnections, gatherBytes: GATHERED_BYTES },
      ...{ headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, writeTimeoutMs },
    },
  };
}

/** @throws ListenError with what the system says */
async function listening<T>(
  flag: string,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  open: () => T | Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    throw new ListenError(flag, formatAuthority(hostname, port), cause);
  }
}

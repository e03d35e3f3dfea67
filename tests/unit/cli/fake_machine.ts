// A machine for commands under test: files and environment of texts, a clock that stands still, signals by hand.
import type { AppModule } from "../../../lib/app/running_app.ts";
import type { Machine } from "../../../lib/cli/command.ts";
import { run } from "../../../lib/cli/run.ts";
import type { FaultKind } from "../../../lib/platform/faults/uncaught.ts";
import type { SignalName } from "../../../lib/platform/process/signals.ts";
import { createMemoryStore } from "../../../lib/store/memory/memory.ts";
import type { Store } from "../../../lib/store/store.ts";

/** 2026-08-01T12:00:00Z */
export const NOW_MS = Date.UTC(2026, 7, 1, 12);

export interface MachineOptions {
  /** After so many texts nobody reads standard output any more. */
  readonly readsTexts?: number;
  /** What writing to standard output fails with. */
  readonly stdoutFault?: Error;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Of all of them [0600]. */
  readonly mode?: number;
  readonly stdin?: string;
  readonly terminal?: boolean;
  readonly columns?: number;
  /** Programs that are there; without it nobody can tell. */
  readonly programs?: readonly string[];
  /** Addresses of this machine; without it nobody can tell. */
  readonly addresses?: readonly string[];
  readonly fetch?: Machine["fetch"];
  readonly reach?: Machine["reach"];
  readonly app?: AppModule;
  /** Default: bytes that are the same in every run. */
  readonly random?: Machine["random"];
  /** State files that are there; others are made when they are opened. */
  readonly states?: Readonly<Record<string, Store>>;
}

export class FakeMachine {
  /** May be moved on. */
  nowMs = NOW_MS;
  /** Set while a command watches: ends the program that started this one. */
  endLauncher: (() => void) | undefined;
  /** Set while a command watches: nobody reads standard output any more. */
  leaveStdout: (() => void) | undefined;
  /** Tells `serve` of a fault that nothing caught; undefined while it does not listen for one. */
  fault: ((fault: unknown, kind: FaultKind) => void) | undefined;
  stdout = "";
  stderr = "";
  /** May be changed while a command runs. */
  files: Record<string, string>;
  readonly #options: MachineOptions;
  readonly #handlers = new Map<SignalName, Set<() => void>>();
  readonly states: Map<string, Store>;
  /** State files that are open. */
  openStates = 0;
  #random = 0;
  #texts = 0;

  constructor(options: MachineOptions = {}) {
    this.#options = options;
    this.files = { ...options.files };
    this.states = new Map(Object.entries(options.states ?? {}));
  }

  run(...argv: string[]): Promise<number> {
    return run(argv, this.#machine());
  }

  /** Handlers that are waiting for a signal. */
  get listening(): number {
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }

  send(signal: SignalName): void {
    for (const handler of this.#handlers.get(signal) ?? []) handler();
  }

  /** What is in it stays when it is closed, as in a file. */
  #openState(path: string): Store {
    const store = this.states.get(path) ?? createMemoryStore();
    this.states.set(path, store);
    this.openStates++;
    return { ...store, close: () => void this.openStates-- };
  }

  #machine(): Machine {
    const { env = {}, stdin = "", terminal = false, fetch, app, random, columns, programs, addresses } = this.#options;
    return {
      env,
      stdout: (text) => {
        if (this.#options.stdoutFault !== undefined) throw this.#options.stdoutFault;
        if (this.#texts++ < (this.#options.readsTexts ?? Infinity)) this.stdout += text;
      },
      stdoutIsGone: () => this.#texts > (this.#options.readsTexts ?? Infinity),
      onStdoutGone: (handler) => {
        this.leaveStdout = handler;
        return () => this.leaveStdout = undefined;
      },
      stderr: (text) => this.stderr += text,
      writeStderr: (bytes) => {
        this.stderr += new TextDecoder().decode(bytes);
        return Promise.resolve(bytes.length);
      },
      stdoutIsTerminal: terminal,
      stdoutColumns: columns,
      ...(programs === undefined
        ? {}
        : { findProgram: (name: string) => Promise.resolve(programs.includes(name) ? name : undefined) }),
      ...(addresses === undefined
        ? {}
        : { isOwnAddress: (hostname: string) => Promise.resolve(addresses.includes(hostname)) }),
      stderrIsTerminal: terminal,
      readTextFile: (path) => {
        const text = this.files[path];
        return text === undefined ? Promise.reject(new Deno.errors.NotFound(path)) : Promise.resolve(text);
      },
      fileMode: (path) =>
        path in this.files || this.states.has(path)
          ? Promise.resolve(this.#options.mode ?? 0o600)
          : Promise.reject(new Deno.errors.NotFound(path)),
      readStdin: () => Promise.resolve(stdin),
      now: () => this.nowMs,
      random: random ?? ((length) => new Uint8Array(length).fill(++this.#random)),
      fetch: fetch ?? (() => Promise.reject(new TypeError("no network in this test"))),
      reach: this.#options.reach ?? (() => Promise.reject(new TypeError("no network in this test"))),
      onSignal: (signal, handler) => {
        const handlers = this.#handlers.get(signal) ?? new Set();
        this.#handlers.set(signal, handlers.add(handler));
        return () => handlers.delete(handler);
      },
      onLauncherGone: (handler) => {
        this.endLauncher = handler;
        return () => this.endLauncher = undefined;
      },
      onFault: (handler) => {
        this.fault = handler;
        return () => this.fault = undefined;
      },
      openState: (path) => Promise.resolve(this.#openState(path)),
      loadApp: () =>
        app === undefined ? Promise.reject(new Error("this command starts nothing")) : Promise.resolve(app),
    };
  }
}

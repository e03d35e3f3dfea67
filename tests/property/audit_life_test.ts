// G2: whatever the life of an audit log (restarts, kills in the middle of a write, rotations, new keys), its files are one
// whole chain, and every line that was not torn off by a kill stands there in order.
import fc from "fast-check";
import assert from "node:assert/strict";
import { AuditLog } from "../../lib/audit/audit_log.ts";
import type { ChainKey } from "../../lib/audit/chain.ts";
import { FileSink } from "../../lib/audit/file_sink.ts";
import { Verifier } from "../../lib/audit/verify.ts";
import { ExchangeRecord } from "../../lib/observe/exchange_record.ts";
import { readPieces } from "../../lib/platform/files/files.ts";
import { SILENT_LOG } from "../support/silent_log.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const keyOf = (n: number): ChainKey => ({ id: `0000000${n}`, secret: new Uint8Array(32).fill(n) });
const KEYS = [1, 2, 3].map(keyOf);

type Step =
  | { readonly kind: "lines"; readonly count: number }
  | { readonly kind: "rotate" | "restart" }
  | { readonly kind: "key"; readonly key: number }
  | { readonly kind: "kill"; readonly torn: number; readonly key: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("lines" as const), count: fc.integer({ min: 1, max: 300 }) }) },
  fc.record({ kind: fc.constantFrom("rotate" as const, "restart" as const) }),
  fc.record({ kind: fc.constant("key" as const), key: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("kill" as const), torn: fc.nat(3000), key: fc.integer({ min: 1, max: 3 }) }),
);

class Life {
  readonly folder: string;
  readonly files: string[] = [];
  /** Names of lines that must be there, in order; those that a kill may have torn off are out. */
  written: string[] = [];
  #audit: AuditLog | undefined;
  #sink: FileSink | undefined;
  #key = KEYS[0]!;
  #next = 0;
  /** Each process begins with a chain of its own name, as each does that draws it by lot. */
  #starts = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  get path(): string {
    return `${this.folder}/audit.jsonl`;
  }

  async start(): Promise<void> {
    this.#sink = await FileSink.open({ path: this.path, trustsOthers: true });
    this.#audit = new AuditLog({
      ...{ sink: this.#sink, key: this.#key, recovered: this.#sink.recovered, whenFull: "drop", log: SILENT_LOG },
      ...{ now: () => 0, chainId: `c${++this.#starts}`, version: "v" },
    });
  }

  async take(step: Step): Promise<void> {
    const audit = this.#audit!;
    switch (step.kind) {
      case "lines":
        for (let i = 0; i < step.count; i++) {
          const record = new ExchangeRecord(0, "127.0.0.1");
          record.name = `n${this.#next++}`;
          this.written.push(record.name);
          audit.onExchange(record);
        }
        return;
      case "rotate":
        await this.#flushed();
        this.files.push(`${this.path}.${this.files.length}`);
        await Deno.rename(this.path, this.files.at(-1)!);
        return await audit.reopen();
      case "key":
        this.#key = keyOf(step.key);
        return audit.setKey(this.#key);
      case "restart":
        await audit.close(10_000);
        return await this.start();
      case "kill":
        await this.#kill(step);
    }
  }

  async end(): Promise<void> {
    await this.#audit?.close(10_000);
  }

  async #flushed(): Promise<void> {
    await until(() => this.#audit!.stats.waiting === 0, "all to be written");
  }

  /** What a killed process leaves: a beginning of what it was writing, never of what had been written before a reopening. */
  async #kill({ torn, key }: { torn: number; key: number }): Promise<void> {
    await this.#flushed();
    await this.#audit!.check(); // behind whatever else is under way
    await this.#sink!.close();
    const text = await Deno.readTextFile(this.path);
    const lastMac = text.lastIndexOf(',"mac":"', text.length - 60);
    // No further back than the batch before: that one was written whole before this one was begun.
    const least = lastMac === -1 ? 0 : text.indexOf("\n", lastMac) + 1;
    const left = text.slice(0, Math.max(least, text.length - torn));
    await Deno.writeTextFile(this.path, left);
    const lost = [...text.slice(left.lastIndexOf("\n") + 1).matchAll(/"name":"(n\d+)"/g)].map(([, name]) => name!);
    this.written = this.written.filter((name) => !lost.includes(name));
    this.#key = keyOf(key);
    await this.start();
  }
}

Deno.test(
  "G2: files of an audit log are one whole chain, whatever became of the processes that wrote it",
  STRICT,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const folder = await Deno.makeTempDir({ prefix: "signet_audit_life_" });
        try {
          const life = new Life(folder);
          await life.start();
          for (const step of steps) await life.take(step);
          await life.end();
          const files = [...life.files, life.path];
          const verifier = new Verifier(KEYS);
          for (const file of files) await verifier.read(file, readPieces(file));
          const { problems, end, killed } = verifier.verdict;
          assert.deepEqual(problems, []);
          assert.equal(end, "stop");
          assert.equal(killed <= steps.filter(({ kind }) => kind === "kill").length, true);
          const found: string[] = [];
          for (const file of files) {
            for (const [, name] of (await Deno.readTextFile(file)).matchAll(/"name":"(n\d+)"/g)) found.push(name!);
          }
          assert.deepEqual(found.filter((name) => life.written.includes(name)), life.written);
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
  },
);

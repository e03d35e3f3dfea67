// An audit log in a folder of its own, as a test reads it: its lines, and whether its chain is whole.
import { chainKeyOf } from "../../lib/app/audit.ts";
import type { Chain } from "../../lib/audit/chain.ts";
import { LineBatch } from "../../lib/audit/line_batch.ts";
import { type Verdict, Verifier } from "../../lib/audit/verify.ts";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { readPieces } from "../../lib/platform/files/files.ts";
import { until } from "./until.ts";

export type AuditLine = Record<string, unknown> & { readonly event: string; readonly seq: number };

/** The bytes of a batch of these lines, JSON objects without their braces. */
export function sealTexts(chain: Chain, lines: readonly string[]): Uint8Array {
  const batch = new LineBatch();
  for (const line of lines) {
    batch.text(line);
    batch.endLine();
  }
  return chain.seal(batch).slice();
}

export class AuditFolder implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<AuditFolder> {
    return new AuditFolder(await Deno.makeTempDir({ prefix: "signet_audit_" }));
  }

  get path(): string {
    return `${this.folder}/audit.jsonl`;
  }

  async lines(path = this.path): Promise<AuditLine[]> {
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Those of exchanges, once there are `count`. */
  async exchanges(count: number): Promise<AuditLine[]> {
    let found: AuditLine[] = [];
    await until(async () => {
      found = (await this.lines()).filter(({ status }) => status !== undefined);
      return found.length >= count;
    }, `${count} exchanges in the audit log`);
    return found;
  }

  async verify(ring: KeyRing, ...files: string[]): Promise<Verdict> {
    const verifier = new Verifier(ring.keys.map(chainKeyOf));
    for (const file of files.length === 0 ? [this.path] : files) await verifier.read(file, readPieces(file));
    return verifier.verdict;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

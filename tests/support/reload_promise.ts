// What a change of certificate promises those who connect meanwhile, the same for the engine and for the real program: the
// port is never closed, so nobody is refused. The kernel resets what it has queued on the old socket at the very moment
// that one closes, and nothing that a process can do keeps it from that (net.ipv4.tcp_migrate_req=1 does): a connection or
// two, seldom, before a byte of theirs was read.
import assert from "node:assert/strict";

/** Resets that one reload may cost, however many knock. */
const MOST_RESETS = 4;

/** @throws if anything but a few resets was met by those who connected while the certificate changed */
export function assertReloadRefusedNobody(faults: readonly unknown[]): void {
  const others = faults.filter((fault) => !/reset|broken pipe/i.test(wordsOf(fault)));
  assert.deepEqual(others.map(wordsOf), []);
  assert.ok(faults.length <= MOST_RESETS, `${faults.length} connections were reset`);
}

/** With its causes: what the system said stands in the innermost. */
function wordsOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault ?? "");
  const { code = "" } = fault as { code?: unknown };
  return `${fault.name} ${code}: ${fault.message} ${wordsOf(fault.cause)}`;
}

// Whose a process is: by its group, its parents or its mark; and who is nobody's any more (docs/behaviour.md B2).
import assert from "node:assert/strict";
import {
  membersOf,
  orphansOf,
  type ProcessEntry,
  type ProcessTable,
} from "../../../../lib/upstream/stdio/process_table.ts";
import { STRICT } from "../../../support/strict.ts";

class FakeTable implements ProcessTable {
  readonly owner = "4026.100.5000";
  readonly entries: ProcessEntry[] = [];
  readonly marks = new Map<number, string>();

  add(
    pid: number,
    parent: number,
    group: number,
    more: { mark?: string; startedAt?: number; zombie?: boolean } = {},
  ): this {
    this.entries.push({ pid, parent, group, startedAt: more.startedAt ?? 6000, zombie: more.zombie ?? false });
    if (more.mark !== undefined) this.marks.set(pid, more.mark);
    return this;
  }

  list(): Promise<readonly ProcessEntry[]> {
    return Promise.resolve(this.entries);
  }

  find(pid: number): Promise<ProcessEntry | undefined> {
    return Promise.resolve(this.entries.find((entry) => entry.pid === pid));
  }

  markOf(pid: number): Promise<string | undefined> {
    return Promise.resolve(this.marks.get(pid));
  }
}

const SERVER = { pid: 200, mark: "4026.100.5000.me", since: 6000 };

Deno.test("B2: a server's processes are those of its group, below it, or marked", STRICT, async () => {
  const table = new FakeTable()
    .add(1, 0, 1, { startedAt: 1 })
    .add(100, 1, 100, { startedAt: 5000 })
    .add(200, 100, 200)
    .add(201, 200, 200)
    .add(202, 200, 202) // left the group
    .add(203, 202, 203) // below one that did
    .add(204, 1, 204, { mark: SERVER.mark }) // its parents are gone
    .add(205, 1, 205, { mark: "4026.100.5000.other" })
    .add(206, 200, 200, { zombie: true })
    .add(207, 1, 207, { mark: SERVER.mark, startedAt: 5999 }); // older than the server: not its own
  assert.deepEqual(await membersOf(table, SERVER), [200, 201, 202, 203, 204]);
});

Deno.test("B2: orphans are marked processes of this namespace whose Signet is gone", STRICT, async () => {
  const table = new FakeTable()
    .add(100, 1, 100, { startedAt: 5000 }) // a living Signet
    .add(101, 1, 101, { startedAt: 7000 }) // took the process id of a dead one
    .add(102, 1, 102, { startedAt: 5000, zombie: true }) // a dead one that is not reaped yet
    .add(200, 100, 200, { mark: "4026.100.5000.a" })
    .add(201, 1, 201, { mark: "4026.101.5000.b" })
    .add(202, 1, 202, { mark: "4026.102.5000.c" })
    .add(203, 1, 203, { mark: "4026.99.1.d" })
    .add(204, 1, 204, { mark: "5000.99.1.e" }) // of another namespace: nobody here knows its Signet
    .add(205, 1, 205);
  assert.deepEqual(await orphansOf(table), [201, 202, 203]);
});

Deno.test("B2: without a name of its own a Signet takes nobody for an orphan", STRICT, async () => {
  const table = new FakeTable().add(200, 1, 200, { mark: "0.99.1.x" });
  const nameless: ProcessTable = {
    owner: undefined,
    list: () => table.list(),
    find: (pid) => table.find(pid),
    markOf: (pid) => table.markOf(pid),
  };
  assert.deepEqual(await orphansOf(nameless), []);
});

// Whose a process is: by its group, its parents or its mark; and who is nobody's any more (docs/behaviour.md B2).
import assert from "node:assert/strict";
import type { ProcessStat } from "../../../../lib/platform/process/proc_stat.ts";
import {
  membersOf,
  orphansOf,
  type ProcessTable,
  ProcFilesystem,
} from "../../../../lib/upstream/stdio/process_table.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

class FakeTable implements ProcessTable {
  readonly owner = "4026.100.5000";
  readonly entries: ProcessStat[] = [];
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

  list(): Promise<readonly ProcessStat[]> {
    return Promise.resolve(this.entries);
  }

  find(pid: number): Promise<ProcessStat | undefined> {
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

/** A `/proc` in which `self` is `pid`. */
async function procOf(folder: string, pid: number): Promise<ProcessTable> {
  await Deno.mkdir(`${folder}/${pid}/ns`, { recursive: true });
  await Deno.writeTextFile(`${folder}/${pid}/stat`, `${pid} (signet) S 1 ${pid}${" 0".repeat(16)} 5000 0`);
  await Deno.symlink("pid:[4026]", `${folder}/${pid}/ns/pid`);
  await Deno.symlink(String(pid), `${folder}/self`);
  return new ProcFilesystem(folder);
}

Deno.test(
  "B2: a /proc of another process namespace is not believed: its numbers are other processes here",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    const table = await procOf(folder.path, Deno.pid + 1);
    assert.equal(table.owner, undefined);
    assert.equal(await table.find(Deno.pid + 1), undefined);
    assert.equal(await membersOf(table, { pid: Deno.pid + 1, mark: undefined, since: 0 }), undefined);
    assert.deepEqual(await orphansOf(table), []);
  },
);

Deno.test(
  "B2: a folder /proc with nothing mounted on it is not taken for a machine without processes",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    assert.equal(await membersOf(new ProcFilesystem(folder.path), SERVER), undefined);
  },
);

Deno.test("B2: a /proc in which this process is found under its own number is believed", STRICT, async () => {
  await using folder = await TempFolder.create();
  const table = await procOf(folder.path, Deno.pid);
  assert.equal(table.owner, `4026.${Deno.pid}.5000`);
  assert.deepEqual(await membersOf(table, { pid: Deno.pid, mark: undefined, since: 0 }), [Deno.pid]);
});

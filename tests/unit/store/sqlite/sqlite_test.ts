import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../../../../lib/store/sqlite/sqlite.ts";
import { SqliteAliases } from "../../../../lib/store/sqlite/sqlite_aliases.ts";
import { SqliteFile } from "../../../../lib/store/sqlite/sqlite_file.ts";
import { SqliteRevocations } from "../../../../lib/store/sqlite/sqlite_revocations.ts";
import { StoreError, type StoreErrorCode } from "../../../../lib/store/store.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { endOverdue } from "../../../support/overdue.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { testAliasContract } from "../alias_contract.ts";
import { testStoreContract, tokenRecord } from "../store_contract.ts";

const NOW_MS = 1_700_000_000_000;

testStoreContract("sqlite store", async () => {
  const folder = await TempFolder.create();
  return { store: openSqliteStore(`${folder.path}/state`), dispose: () => folder[Symbol.asyncDispose]() };
});

testAliasContract("sqlite store", async () => {
  const folder = await TempFolder.create();
  let nowMs = NOW_MS;
  const open = () => openSqliteStore(`${folder.path}/state`, { now: () => nowMs });
  const [store, other] = [open(), open()];
  return {
    ...{ aliases: store.pools!, others: other.pools!, tells: false },
    pass: (ms) => void (nowMs += ms),
    dispose: async () => {
      await Promise.all([store.close(), other.close()]);
      await folder[Symbol.asyncDispose]();
    },
  };
});

Deno.test(
  "S3 M6: sqlite store forgets the text that would end first, and all that have ended",
  STRICT,
  () =>
    withFolder(async (folder) => {
      const file = new SqliteFile(`${folder}/state`);
      const pools = new SqliteAliases(file, { now: () => NOW_MS, maxTexts: 2 });
      for (const [sid, ttlMs] of [["a", 300], ["b", 100], ["c", 200]] as const) {
        await pools.replace(sid, { before: undefined, text: sid, ttlMs });
      }
      assert.deepEqual([await pools.get("a"), await pools.get("b"), await pools.get("c")], ["a", undefined, "c"]);
      await pools.takeTurn("a", "me", 100);
      assert.equal(pools.purge(NOW_MS + 200), 2);
      file.close();
    }),
);

Deno.test(
  "L4 P8: in a file, a turn whose holder has died lasts no longer because the clock is set back",
  STRICT,
  () =>
    withFolder(async (folder) => {
      let nowMs = NOW_MS;
      const file = new SqliteFile(`${folder}/state`);
      const pools = new SqliteAliases(file, { now: () => nowMs });
      try {
        await pools.takeTurn("s", "dead", 100);
        nowMs -= 3_600_000;
        assert.equal(await pools.takeTurn("s", "here", 100), false);
        nowMs += 90;
        assert.equal(await pools.takeTurn("s", "here", 100), false, "not longer because it is asked for");
        nowMs += 10;
        assert.equal(await pools.takeTurn("s", "here", 100), true);
      } finally {
        file.close();
      }
    }),
);

async function withFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  await using folder = await TempFolder.create();
  await body(folder.path);
}

async function makePipe(path: string): Promise<void> {
  const made = await runBounded("mkfifo", { what: "mkfifo", deadlineMs: 10_000, args: [path] });
  assert.equal(made.code, 0, made.stderr);
}

function refusal(code: StoreErrorCode, path: string) {
  return (fault: unknown) => {
    assert.ok(fault instanceof StoreError, String(fault));
    assert.equal(fault.code, code, fault.message);
    assert.ok(fault.message.includes(path), "names the file");
    assert.ok(fault.remedy.length > 0, "says what to do");
    return true;
  };
}

Deno.test(
  "L6: sqlite store keeps tokens and revocations over a restart and leaves one file when closed",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      const first = openSqliteStore(path);
      first.tokens.insertBelowLimit(tokenRecord("s1"), { limit: 1, nowMs: NOW_MS });
      first.revocations.add({ kind: "session", sid: "s1", untilMs: NOW_MS + 1, by: "client" });
      first.revocations.add({ kind: "all", beforeMs: 7, untilMs: Infinity });
      first.close();
      assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["state"]);
      const second = openSqliteStore(path);
      assert.deepEqual(second.tokens.get("s1"), tokenRecord("s1"));
      assert.equal(second.revocations.find({ sid: "s1", owner: "o", issuedAtMs: NOW_MS }), "session");
      assert.equal(second.revocations.find({ sid: "s2", owner: "o", issuedAtMs: 7 }), "all");
      second.close();
    }),
);

Deno.test(
  "sqlite store makes its files readable for nobody else, and narrows one that is",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      const modes = () =>
        [...Deno.readDirSync(folder)].map(({ name }) => Deno.statSync(`${folder}/${name}`).mode! & 0o777);
      const store = openSqliteStore(path);
      store.revocations.add({ kind: "all", beforeMs: 1, untilMs: 2 });
      assert.deepEqual(modes(), [0o600, 0o600, 0o600]);
      store.close();
      Deno.chmodSync(path, 0o664);
      openSqliteStore(path).close();
      assert.deepEqual(modes(), [0o600]);
    }),
);

Deno.test(
  "sqlite store refuses another program's database and leaves it untouched",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      const other = new DatabaseSync(path);
      other.exec("CREATE TABLE recipe (name TEXT)");
      other.close();
      const before = Deno.readFileSync(path);
      assert.throws(() => openSqliteStore(path), refusal("foreign", path));
      assert.deepEqual(Deno.readFileSync(path), before);
    }),
);

Deno.test(
  "sqlite store refuses a file that is no database and leaves it untouched",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      Deno.writeTextFileSync(path, "listen: 127.0.0.1:8080\n".repeat(100));
      const before = Deno.readFileSync(path);
      assert.throws(() => openSqliteStore(path), refusal("foreign", path));
      assert.deepEqual(Deno.readFileSync(path), before);
    }),
);

Deno.test("sqlite store refuses a newer Signet's file and leaves it untouched", STRICT, () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    openSqliteStore(path).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    const before = Deno.readFileSync(path);
    assert.throws(() => openSqliteStore(path), refusal("newer", path));
    assert.deepEqual(Deno.readFileSync(path), before);
  }));

for (
  const [what, spoil] of [
    ["a table of its own is another's", "DROP TABLE revocation; CREATE TABLE revocation (a)"],
    ["a table of its own is gone", "DROP TABLE token"],
    ["a column is held to less", "DROP TABLE token; CREATE TABLE token (sid, agent, expires_s, digest, issued_ms)"],
    [
      "a view stands for a table",
      "DROP TABLE revocation; CREATE VIEW revocation AS SELECT 1 AS seq, '' AS key, 1 AS before_ms, 1 AS until_ms, 0 AS by_operator",
    ],
    [
      "what is written is taken out again",
      "CREATE TRIGGER t AFTER INSERT ON revocation BEGIN DELETE FROM revocation; END",
    ],
    ["a table that came later is another's", "DROP TABLE pool; CREATE TABLE pool (a)"],
  ] as const
) {
  Deno.test(
    `L6: sqlite store refuses a file of Signet's in which ${what}, and leaves it untouched`,
    STRICT,
    () =>
      withFolder((folder) => {
        const path = `${folder}/state`;
        openSqliteStore(path).close();
        const database = new DatabaseSync(path);
        database.exec(spoil);
        database.close();
        const before = Deno.readFileSync(path);
        assert.throws(() => openSqliteStore(path), refusal("corrupt", path));
        assert.deepEqual(Deno.readFileSync(path), before);
        // Nothing of it is held: it can be moved away, and the next one opened.
        Deno.renameSync(path, `${path}.old`);
        openSqliteStore(path).close();
      }),
  );
}

for (const end of ["-wal", "-shm", "-journal"]) {
  Deno.test(
    `sqlite store waits for no pipe that stands where its ${end} belongs`,
    STRICT,
    () =>
      withFolder(async (folder) => {
        const path = `${folder}/state`;
        openSqliteStore(path).close();
        await makePipe(`${path}${end}`);
        assert.throws(() => openSqliteStore(path), refusal("foreign", path));
      }),
  );
}

Deno.test("sqlite store refuses a damaged file", STRICT, () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    const store = openSqliteStore(path);
    for (let i = 0; i < 500; i++) {
      store.revocations.add({ kind: "session", sid: `sid-${i}-${"x".repeat(40)}`, untilMs: NOW_MS, by: "client" });
    }
    store.close();
    const bytes = Deno.readFileSync(path);
    // Everything after the first page, which holds the header and the schema.
    bytes.fill(0xa5, 4_096);
    Deno.writeFileSync(path, bytes);
    assert.throws(() => openSqliteStore(path), refusal("corrupt", path));
  }));

Deno.test(
  "L6: sqlite store trusts no file that others could replace or have made, but for being told to",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/in/state`;
      Deno.mkdirSync(`${folder}/in`);
      openSqliteStore(path).close();
      Deno.chmodSync(`${folder}/in`, 0o777);
      assert.throws(() => openSqliteStore(path), refusal("foreign", path));
      assert.throws(
        () => openSqliteStore(path),
        /other users can write in its folder .* Put it into a folder .*--unsafe-files/s,
      );
      openSqliteStore(path, { trustsOthers: true }).close();
      Deno.chmodSync(`${folder}/in`, 0o700);
      openSqliteStore(path).close();
      if (Deno.uid() !== 0) return; // only root can give a file away
      Deno.chownSync(path, 54_321, 54_321);
      const before = Deno.readFileSync(path);
      assert.throws(() => openSqliteStore(path), /belongs to another user \(uid 54321; Signet runs as uid 0\)/);
      assert.deepEqual(Deno.readFileSync(path), before);
    }),
);

for (
  const [how, spoil] of [
    ["deleted", (path: string) => Deno.remove(path)],
    ["moved away", (path: string) => Deno.rename(path, `${path}.old`)],
    ["replaced", async (path: string) => {
      await Deno.copyFile(path, `${path}.new`);
      await Deno.rename(`${path}.new`, path);
    }],
    // What was acknowledged is in these until it is in the file itself; other processes would begin new ones.
    ["robbed of its log", (path: string) => Deno.remove(`${path}-wal`)],
    ["robbed of its index", (path: string) => Deno.remove(`${path}-shm`)],
    ["robbed of its log, which others began anew,", async (path: string) => {
      await Deno.remove(`${path}-wal`);
      await Deno.writeFile(`${path}-wal`, new Uint8Array());
    }],
  ] as const
) {
  Deno.test(
    `L6: sqlite store acknowledges nothing, and clears nobody, once its file was ${how} under it`,
    STRICT,
    () =>
      withFolder(async (folder) => {
        const path = `${folder}/state`;
        let elapsedMs = 0;
        const store = openSqliteStore(path, { elapsed: () => elapsedMs });
        await store.tokens.insertBelowLimit(tokenRecord("t"), { limit: 1, nowMs: NOW_MS });
        await spoil(path);
        elapsedMs += 100;
        const gone = (fault: unknown) =>
          fault instanceof StoreError && fault.code === "io" && fault.message.includes(path);
        const revocation = { kind: "session", sid: "s", untilMs: NOW_MS, by: "client" } as const;
        const { revocations, tokens } = store;
        const uses: (() => unknown)[] = [
          () => revocations.add(revocation),
          () => revocations.find({ sid: "s", owner: "o", issuedAtMs: NOW_MS }),
          () => revocations.changesSince(0, 10),
          () => tokens.remove("t"),
          () => tokens.get("t"),
        ];
        for (const use of uses) assert.throws(use, gone);
        if (how === "moved away") {
          await Deno.rename(`${path}.old`, path);
          elapsedMs += 100;
          assert.equal(await tokens.remove("t"), true, "it is there again");
        }
        await store.close();
      }),
  );
}

Deno.test("sqlite store says what is wrong with a path it cannot use", STRICT, () =>
  withFolder((folder) => {
    assert.throws(() => openSqliteStore(`${folder}/missing/state`), refusal("io", `${folder}/missing/state`));
    assert.throws(() => openSqliteStore(folder), refusal("foreign", folder));
  }));

Deno.test(
  "sqlite store gives up with busy when another connection holds the file too long, then goes on",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      const store = openSqliteStore(path, { busyTimeoutMs: 1 });
      const known = { kind: "session", sid: "s0", untilMs: NOW_MS, by: "operator" } as const;
      store.revocations.add(known);
      const holder = new DatabaseSync(path);
      holder.exec("BEGIN IMMEDIATE");
      // Even what turns out to change nothing: between reading and writing nobody else may write.
      assert.throws(() => store.revocations.add(known), refusal("busy", path));
      const revocation = { kind: "session", sid: "s1", untilMs: NOW_MS, by: "operator" } as const;
      assert.throws(() => store.revocations.add(revocation), refusal("busy", path));
      // Readers never wait.
      assert.equal(store.revocations.find({ sid: "s1", owner: "o", issuedAtMs: 0 }), undefined);
      holder.exec("ROLLBACK");
      holder.close();
      store.revocations.add(revocation);
      assert.equal(store.revocations.find({ sid: "s1", owner: "o", issuedAtMs: 0 }), "session");
      store.close();
    }),
);

Deno.test(
  "one write waits for another process that keeps the file, those behind it are refused at once",
  STRICT,
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      const file = new SqliteFile(path, { busyTimeoutMs: 20 });
      const waitsMs = () => file.prepare("PRAGMA busy_timeout").get()!["timeout"];
      const holder = new DatabaseSync(path);
      holder.exec("BEGIN IMMEDIATE");
      assert.equal(waitsMs(), 20);
      assert.throws(() => file.immediate(() => {}), refusal("busy", path));
      assert.equal(waitsMs(), 0);
      // Readers never wait, so that what they read says nothing of the file's being free.
      file.run(() => file.prepare("SELECT count(*) FROM revocation").get());
      assert.equal(waitsMs(), 0);
      assert.throws(() => file.immediate(() => {}), refusal("busy", path));
      holder.exec("ROLLBACK");
      holder.close();
      file.immediate(() => {});
      assert.equal(waitsMs(), 20);
      file.close();
    }),
);

Deno.test(
  "L6: sqlite store sees at once what another connection has revoked",
  STRICT,
  () =>
    withFolder(async (folder) => {
      const server = openSqliteStore(`${folder}/state`);
      const cli = openSqliteStore(`${folder}/state`);
      const subject = { sid: "s1", owner: "o1", issuedAtMs: NOW_MS };
      assert.equal(server.revocations.find(subject), undefined);
      cli.revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: NOW_MS + 1 });
      assert.equal(server.revocations.find(subject), "principal");
      assert.equal((await server.revocations.changesSince(0, 9)).revocations.length, 1);
      cli.close();
      server.close();
    }),
);

/** Starts sqlite_process.ts and waits until it has the file open. */
async function startProcess(args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("./sqlite_process.ts", import.meta.url).pathname, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  endOverdue(child, "a second process on a state file");
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "ready\n");
  return {
    go: async () => {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode("go\n"));
      await writer.close();
    },
    result: async () => {
      const { value } = await reader.read();
      await reader.cancel();
      await child.status;
      return Number(value);
    },
  };
}

Deno.test(
  "T1: 100 inserts from two processes at a limit of 5 are exactly 5, and outlive their unclosed files",
  STRICT,
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      // Both create the file: the race on a new one is part of the test.
      const processes = await Promise.all(
        ["p", "q"].map((prefix) => startProcess([path, prefix, "50", "5", `${NOW_MS}`])),
      );
      for (const process of processes) await process.go();
      const counts = await Promise.all(processes.map((process) => process.result()));
      assert.equal(counts.reduce((sum, count) => sum + count), 5);
      const store = openSqliteStore(path);
      assert.equal(store.tokens.count("did:example:a", NOW_MS), 5);
      assert.equal(store.revocations.find({ sid: "s", owner: "o", issuedAtMs: 49 }), "all");
      assert.equal(store.revocations.find({ sid: "s", owner: "o", issuedAtMs: 50 }), undefined);
      for (const sid of ["p", "q"]) {
        assert.equal(store.revocations.find({ sid, owner: "o", issuedAtMs: 50 }), "session");
      }
      store.close();
    }),
);

Deno.test(
  "M6: sqlite store forgets the oldest deleted sessions beyond the bound, and nothing of an operator's",
  STRICT,
  () =>
    withFolder((folder) => {
      const file = new SqliteFile(`${folder}/state`);
      const add = (sid: string, by: "client" | "operator") =>
        revocations.add({ kind: "session", sid, untilMs: NOW_MS + 1, by });
      const found = (sid: string) => revocations.find({ sid, owner: "o", issuedAtMs: NOW_MS }) !== undefined;
      let revocations = new SqliteRevocations(file, 3);
      add("first", "operator");
      for (const sid of ["a", "b", "b", "c", "d"]) add(sid, "client");
      assert.deepEqual(["first", "a", "b", "c", "d"].map(found), [true, false, true, true, true]);
      assert.equal(revocations.forgotten, 1);
      revocations = new SqliteRevocations(file, 3);
      for (const sid of ["e", "f"]) add(sid, "client");
      assert.ok(revocations.size() <= 5, `${revocations.size()} after a restart`);
      revocations.purge(NOW_MS + 1);
      assert.equal(revocations.size(), 0);
      file.close();
    }),
);

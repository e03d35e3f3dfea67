// Whether the shared store can be asked, as its answers say (docs/behaviour.md R6): over a client that answers what the test says.
import assert from "node:assert/strict";
import type { RedisClient, RedisClientOptions } from "../../../../lib/store/redis/redis_client.ts";
import { RedisLink } from "../../../../lib/store/redis/redis_link.ts";
import type { RedisTarget } from "../../../../lib/store/redis/redis_target.ts";
import { Script } from "../../../../lib/store/redis/script.ts";
import type { StoreRefusal } from "../../../../lib/store/redis/told_refusals.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const TARGET: RedisTarget = {
  kind: "single",
  nodes: [{ host: "127.0.0.1", port: 1 }],
  ...{ master: undefined, database: 0, tls: false, username: undefined },
};

/** A store of as many places as keys begin with. Each answers OK, or with the error that the test has set. */
class FakeStore {
  /** By place. */
  readonly errors = new Map<string, string>();
  readonly changes: boolean[] = [];
  readonly refusals: StoreRefusal[] = [];
  /** What the connection that was opened first is answered, whatever it asks. */
  errorOfFirst: string | undefined;
  /** Why a channel is not opened. */
  unheard: string | undefined;
  /** How often channels were asked for. */
  subscribed = 0;
  /** Whether there is a connection for messages. */
  hears = true;
  /** What is asked about different keys is asked of one place. */
  oneNode = false;
  /** How often each place was asked. */
  readonly asked = new Map<string, number>();
  readonly link: RedisLink;
  readonly clients: RedisClientOptions[] = [];

  constructor() {
    this.link = new RedisLink({
      ...{ target: TARGET, prefix: "t", timeoutMs: 1000, silenceMs: 100 },
      onChange: (up) => this.changes.push(up),
      onRefusal: (refusal) => this.refusals.push(refusal),
      createClient: (options) => {
        this.clients.push(options);
        return this.#client(options);
      },
    });
  }

  /** The connection to a place has come up. */
  connected(place?: string): void {
    this.clients[0]!.onReady(place);
  }

  ask(key: string): Promise<unknown> {
    return this.link.command(key, "ZCARD");
  }

  #client(options: RedisClientOptions): RedisClient {
    const nameOf = (key: string) => key.split("-")[0]!;
    return {
      connect: () => {
        options.onReady();
        return Promise.resolve();
      },
      send: (key) => {
        const place = nameOf(key);
        this.asked.set(place, (this.asked.get(place) ?? 0) + 1);
        const error = (options === this.clients[0] ? this.errorOfFirst : undefined) ?? this.errors.get(place);
        return error === undefined ? Promise.resolve("OK") : Promise.reject(new Error(error));
      },
      subscribe: () => {
        this.subscribed++;
        return this.unheard === undefined ? Promise.resolve() : Promise.reject(new Error(this.unheard));
      },
      hears: () => this.hears,
      lookAround: () => {},
      placeOf: (key) => this.oneNode ? "" : nameOf(key),
      destroy: () => {},
    };
  }
}

function test(title: string, body: (store: FakeStore) => Promise<void>): void {
  Deno.test(`redis link ${title}`, STRICT, async () => {
    const store = new FakeStore();
    try {
      await store.link.open();
      assert.equal(store.link.up, true);
      await body(store);
    } finally {
      store.link.close();
    }
  });
}

const AWAY = [
  "LOADING Redis is loading the dataset in memory",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "CLUSTERDOWN The cluster is down",
  "NOAUTH Authentication required.",
  "WRONGPASS invalid username-password pair or user is disabled.",
];
const REFUSED = [
  "NOPERM this user has no permissions to run the 'get' command",
  "READONLY You can't write against a read only replica.",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  "NOREPLICAS Not enough good replicas to write.",
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "MOVED 1 127.0.0.1:2",
  "ERR ACL failure in script: User u has no permissions to run the 'get' command script: 0a, on @user_script:2.",
  "ERR The user executing the script can't run this command or subcommand script: 0a, on @user_script:12.",
  "ERR unknown command 'EVALSHA', with args beginning with: 'a' 'secret' ",
];

for (const error of AWAY) {
  const [word] = error.split(" ");
  test(`R6: a node that is back and says ${word} is asked until it answers, though nobody else asks`, async (store) => {
    store.errors.set("node", "Socket closed unexpectedly");
    await assert.rejects(() => store.ask("node-key"), StoreError);
    assert.deepEqual(store.changes, [true, false]);
    store.errors.set("node", error);
    store.connected("node");
    const before = store.asked.get("node")!;
    await until(() => store.asked.get("node")! > before + 3, "it to be asked again");
    assert.equal(store.link.up, false);
    assert.match(store.link.lastFault, new RegExp(`^${word} `));
    store.errors.clear();
    await until(() => store.link.up, "word that it answers");
    assert.deepEqual(store.changes, [true, false, true]);
  });

  test(`R6: a store that says ${word} from its first word on does not answer yet`, async (store) => {
    store.errors.set("{t:revoked}", error);
    store.errors.set("k", error);
    store.clients[0]!.onFault(new Error("Socket closed unexpectedly"), true);
    store.connected();
    await until(() => store.link.lastFault === error, "it to have been asked");
    await assert.rejects(() => store.ask("k"), { code: "io", message: new RegExp(`did not answer: ${word} `) });
    assert.deepEqual(store.changes, [true, false]);
    store.errors.clear();
    await until(() => store.link.up, "word that it answers");
  });
}

for (const error of AWAY) {
  const word = error.split(" ")[0]!;
  test(`V1: a store that was away before it says ${word} is told of with that, and so is whoever asks`, async (store) => {
    const [client] = store.clients;
    client!.onFault(new Error("Socket closed unexpectedly"), true);
    for (let i = 0; i < 3; i++) client!.onFault(new Error(error), true);
    store.errors.set("k", "The client is offline");
    const told = new RegExp(`did not answer: ${word} `);
    await assert.rejects(() => store.ask("k"), (fault: StoreError) => {
      assert.match(fault.message, told);
      assert.equal(fault.remedy, store.refusals[0]!.remedy);
      return true;
    });
    assert.deepEqual(store.refusals.map(({ cause }) => cause.split(" ")[0]), [word]);
    assert.deepEqual(
      [store.link.refusals, store.changes],
      [0, [true, false]],
      "it refuses nothing while others are answered",
    );
    store.errors.clear();
    client!.onFault(new Error("connect ECONNREFUSED"), true);
    store.errors.set("k", "The client is offline");
    await assert.rejects(() => store.ask("k"), /did not answer: connect ECONNREFUSED/);
  });
}

test("R6: a store that answers no reads for now is not said to answer because it refuses writes", async (store) => {
  store.errors.set("read", AWAY[2]!);
  store.errors.set("write", REFUSED[1]!);
  store.oneNode = true;
  for (let i = 0; i < 5; i++) {
    for (const key of ["read", "write"]) await assert.rejects(() => store.ask(key), StoreError);
  }
  assert.deepEqual(store.changes, [true, false]);
});

for (const error of REFUSED) {
  const word = error.split(" ").slice(0, 2).join(" ");
  test(`R6: a node that is back and says ${word} is there`, async (store) => {
    store.errors.set("node", "Socket closed unexpectedly");
    await assert.rejects(() => store.ask("node-key"), StoreError);
    store.errors.set("node", error);
    store.connected("node");
    await until(() => store.link.up, "word that it answers");
    assert.deepEqual(store.changes, [true, false, true]);
  });

  test(`R6 V1: a store that says ${word} is not said to come and go, and what it refuses is told once`, async (store) => {
    store.errors.set("k", error);
    // It says so over every connection.
    store.errors.set("{t:revoked}", error);
    for (let i = 0; i < 5; i++) {
      await assert.rejects(() => store.ask("k"), StoreError);
      await store.ask("other");
    }
    // What the library itself asks.
    store.clients[0]!.onFault(new Error(error), true);
    assert.deepEqual(store.changes, [true]);
    assert.equal(store.link.refusals, 6);
    assert.equal(store.link.failures, 0);
    const [told, ...more] = store.refusals;
    assert.equal(more.length, 0);
    assert.match(told!.remedy, /\.$/);
    assert.doesNotMatch(told!.remedy, /^See its own log/);
    assert.doesNotMatch(told!.cause, /secret|user_script/);
  });
}

test("V1: a node of a cluster that is asked as if it were alone refuses each key in its own words, and is told of once", async (store) => {
  for (let i = 0; i < 300; i++) {
    store.errors.set("k", `${i % 2 === 0 ? "MOVED" : "ASK"} ${i} 10.0.0.${i % 200}:6379`);
    await assert.rejects(() => store.ask("k"), StoreError);
  }
  assert.deepEqual(store.refusals.map(({ cause }) => cause), ["MOVED", "ASK"]);
});

test("V1: who refuses in ever other words is told of a bounded number of times", async (store) => {
  for (let i = 0; i < 300; i++) {
    store.errors.set("k", `ERR number ${i}`);
    await assert.rejects(() => store.ask("k"), StoreError);
  }
  assert.equal(store.link.refusals, 300);
  assert.equal(store.refusals.length, 64);
});

test("R6: an error without words is told as one", async (store) => {
  store.errors.set("k", "");
  await assert.rejects(() => store.ask("k"), { message: /an error without words/ });
});

test("V1: a script's command that its user may not use has the cure of any other", async (store) => {
  store.errors.set("k", "ERR ACL failure in script: User u has no permissions to run the 'time' command");
  await assert.rejects(() => store.link.script(new Script("return 1"), ["k"], []), {
    message: /refused: NOPERM.*--store-password-file/,
  });
});

for (
  const around of [
    "f_0a1b): @user_script:7: @user_script: 7: -",
    "0a1b): @user_script:2: -",
    "f_0a1b): @user_script:7: ",
  ]
) {
  test(`V1: what a script was refused has the word and the cure of any other: ${around}`, async (store) => {
    const asked = () => store.link.script(new Script("return 1"), ["k"], []);
    store.errors.set("k", `ERR Error running script (call to ${around}READONLY You can't write.`);
    await assert.rejects(asked, { message: /refused: READONLY.*name its master/ });
    store.errors.set("k", `ERR Error running script (call to ${around}OOM command not allowed.`);
    await assert.rejects(asked, { code: "full" });
    store.errors.set("k", `ERR Error running script (call to ${around}user_script:7: what has no word`);
    await assert.rejects(asked, { message: /refused: ERR user_script:7: what has no word/ });
    assert.deepEqual(store.refusals.map(({ cause }) => cause.split(" ")[0]), ["READONLY", "OOM", "ERR"]);
  });
}

test("R6: a connection that says NOAUTH in the middle is not the only one there can be", async (store) => {
  store.errorOfFirst = "NOAUTH Authentication required.";
  store.oneNode = true;
  await assert.rejects(() => store.ask("k"), StoreError);
  // Who connects anew is let in.
  await until(() => store.link.up, "another connection to be asked");
  assert.equal(await store.ask("other"), "OK");
  assert.ok(store.clients.length > 2);
});

test("R4 R6: a connection for messages that says NOAUTH is begun anew", async (store) => {
  store.unheard = "NOAUTH Authentication required.";
  store.link.listen("c", () => {}, () => {});
  await until(() => store.clients.length > 2, "another connection");
  store.unheard = undefined;
  await until(() => store.link.listening, "the channel to be heard there");
});

test("R4 V1: a channel that is refused is not heard, and is told of", async (store) => {
  store.unheard = "NOPERM No permissions to access a channel";
  let woken = 0;
  store.link.listen("c", () => {}, () => woken++);
  await until(() => store.refusals.length > 0, "word of it");
  assert.equal(store.link.listening, false);
  store.unheard = undefined;
  await until(() => store.link.listening, "the channel to be heard");
  assert.ok(woken > 0);
});

test("R4: a connection for messages that is gone is not heard, and its channels are asked for until they are", async (store) => {
  let woken = 0;
  store.link.listen("c", () => {}, () => woken++);
  await until(() => store.link.listening, "the channel to be heard");
  const messages = store.clients[1]!;
  messages.onFault(new Error("LOADING Redis is loading the dataset in memory"), true);
  assert.equal(store.link.listening, true, "a ping is refused");
  store.hears = false;
  store.unheard = "Socket closed unexpectedly";
  messages.onFault(new Error("Socket closed unexpectedly"), true);
  const { subscribed } = store;
  await until(() => store.subscribed > subscribed, "the channel to be asked for");
  assert.equal(store.link.listening, false);
  const before = woken;
  store.hears = true;
  store.unheard = undefined;
  await until(
    () => store.link.listening && woken > before,
    "the channel to be heard again, and what was missed asked for",
  );
});

// bun_round.ts and the sockets in it, with a loop and sockets of Bun's that the test plays: what a wait has
// brought is read, then looked at, then answered, and every socket sends its own bytes, in order, or says that it could not.
import assert from "node:assert/strict";
import type { BunTcpSocket } from "../../../../lib/platform/runtime/bun_types.ts";
import { BunRound } from "../../../../lib/platform/sockets/bun_round.ts";
import { BunSocket } from "../../../../lib/platform/sockets/bun_socket.ts";
import { Steps } from "../../../../lib/platform/time/steps.ts";
import { STRICT } from "../../../support/strict.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (value: string) => new TextEncoder().encode(value);

/** A loop whose rounds are asked for by hand. */
function loop() {
  const tasks: (() => void)[] = [];
  const round = new BunRound({ later: (task) => void tasks.push(task) });
  const turn = () => tasks.splice(0).forEach((task) => task());
  return { round, turn, asked: () => tasks.length };
}

interface Played {
  readonly socket: BunSocket;
  /** What has left. */
  readonly sent: string[];
  readonly unsent: number[];
  /** Of each rest that it was told of, whether it still waits. */
  readonly held: boolean[];
  /** How many bytes the kernel takes of a write; −1: the connection is gone. */
  takes: number;
  /** What its owner does with what has come. */
  onText: (piece: string) => void;
}

/** A socket that always reads, and tells `log` of what happens. */
function played(round: BunRound, name: string, log: string[] = [], isOutgoing = false): Played {
  const socket = new BunSocket(false, isOutgoing, round);
  const own: Played = { socket, sent: [], unsent: [], held: [], takes: Infinity, onText: () => {} };
  const raw = {
    ...{ setNoDelay() {}, pause() {}, resume() {}, terminate() {} },
    close: () => log.push(`${name} closes`),
    shutdown: () => log.push(`${name} shuts`),
    write(bytes: Uint8Array, from: number, length: number) {
      const count = Math.min(length, own.takes);
      if (count > 0) {
        own.sent.push(text(bytes.subarray(from, from + count)));
        log.push(`${name} sends ${text(bytes.subarray(from, from + count))}`);
      }
      return count;
    },
  };
  socket.own({
    takeMemory: () => new Uint8Array(64),
    onBytes(memory, count) {
      const piece = text(memory.subarray(0, count));
      log.push(`${name} has ${piece}`);
      socket.read();
      own.onText(piece);
    },
    onEnd: () => void log.push(`${name} has the end`),
    onReadFailed: () => void log.push(`${name} is lost`),
    onHeld(over) {
      const at = own.held.push(true) - 1;
      over.then(() => own.held[at] = false);
    },
    onUnsent: (count) => void own.unsent.push(count),
  });
  socket.opened(raw as unknown as BunTcpSocket);
  socket.read();
  return own;
}

/** From here on what comes in a wait is a round. */
function busy({ round, turn }: Pick<ReturnType<typeof loop>, "round" | "turn">): void {
  const others = Array.from({ length: 4 }, (_, at) => played(round, String(at)));
  for (let at = 0; at < 80; at++) others[at % 4]!.socket.arrived(bytesOf("."));
  turn();
}

function write({ socket }: Played, value: string): number | Promise<number> {
  const bytes = bytesOf(value);
  const taken = socket.write(bytes, 0, bytes.length);
  // Whoever is told that it is taken does with the memory what he likes.
  if (typeof taken === "number") bytes.fill(0x21);
  return taken;
}

Deno.test("what comes alone is handed over at once, and its answer sent at once", STRICT, () => {
  const { round, turn, asked } = loop();
  const one = played(round, "one");
  one.onText = (piece) => void write(one, `re: ${piece}`);
  for (let at = 0; at < 200; at++) {
    one.socket.arrived(bytesOf(`${at}`));
    if (asked() > 0) turn();
    assert.equal(one.sent.at(-1), `re: ${at}`);
  }
});

Deno.test("a few waits that bring little end no busy time, and more of them do", STRICT, () => {
  const scene = loop();
  busy(scene);
  const one = played(scene.round, "one");
  /** In how many of that many waits, each with so many pieces, these waited for its end. */
  const waited = (waits: number, pieces = 1) => {
    let count = 0;
    for (let wait = 0; wait < waits; wait++) {
      const before = scene.asked();
      for (let n = 0; n < pieces; n++) one.socket.arrived(bytesOf("."));
      if (scene.asked() === before) continue;
      scene.turn();
      count++;
    }
    return count;
  };
  assert.equal(waited(15), 15);
  busy(scene);
  assert.equal(waited(18), 16);
  busy(scene);
  assert.equal(waited(10, 5), 10);
  assert.equal(waited(1, 6), 1);
  assert.equal(waited(18, 5), 16);
});

Deno.test("a busy wait is read, then looked at, answers first, then answered", STRICT, () => {
  const scene = loop();
  busy(scene);
  const log: string[] = [];
  const client = played(scene.round, "client", log), server = played(scene.round, "server", log, true);
  client.onText = () => void write(server, "question");
  server.onText = () => void write(client, "answer");
  client.socket.arrived(bytesOf("a"));
  server.socket.arrived(bytesOf("b"));
  assert.deepEqual(log, []);
  scene.turn();
  assert.deepEqual(log, ["server has b", "client has a", "client sends answer", "server sends question"]);
});

Deno.test("requests go on in step: the first is sent on once the last has been looked at", STRICT, () => {
  const steps = new Steps();
  const tasks: (() => void)[] = [];
  const round = new BunRound({ later: (task) => void tasks.push(task), steps });
  const turn = () => tasks.splice(0).forEach((task) => task());
  busy({ round, turn });
  const log: string[] = [];
  const server = played(round, "server", log, true);
  server.onText = () => steps.take({ go: () => void log.push("what an answer ends goes on at once") });
  const clients = ["one", "two"].map((name) => played(round, name, log));
  for (const [at, client] of clients.entries()) {
    client.onText = () => steps.take({ go: () => void write(server, `question ${at + 1}`) });
    client.socket.arrived(bytesOf("a"));
  }
  server.socket.arrived(bytesOf("b"));
  turn();
  const first = ["server has b", "what an answer ends goes on at once"];
  assert.deepEqual(log.slice(0, 4), [...first, "one has a", "two has a"]);
  assert.deepEqual(server.sent, ["question 1", "question 2"]);
});

Deno.test("every socket sends its own bytes, whatever becomes of the memory they were in", STRICT, () => {
  const scene = loop();
  busy(scene);
  const all = Array.from({ length: 50 }, (_, at) => played(scene.round, `${at}`));
  for (const [at, one] of all.entries()) {
    one.onText = (piece) => {
      for (let n = 0; n <= at % 4; n++) {
        assert.equal(write(one, `${at}/${n} to ${piece};`), `${at}/${n} to ${piece};`.length);
      }
      if (at % 7 === 0) one.socket.close();
    };
  }
  for (let turn = 0; turn < 3; turn++) {
    all.forEach(({ socket }, at) => socket.arrived(bytesOf(`${turn}:${at}`)));
    scene.turn();
  }
  for (const [at, { sent }] of all.entries()) {
    const turns = at % 7 === 0 ? 1 : 3;
    const wanted = Array.from({ length: turns }, (_, turn) => {
      return Array.from({ length: at % 4 + 1 }, (_, n) => `${at}/${n} to ${turn}:${at};`);
    }).flat().join("");
    assert.equal(sent.join(""), wanted);
  }
});

Deno.test("more than a round has room for is sent all the same, in order", STRICT, () => {
  const scene = loop();
  busy(scene);
  const long = "x".repeat(4000);
  const all = Array.from({ length: 100 }, (_, at) => played(scene.round, `${at}`));
  for (const [at, one] of all.entries()) one.onText = () => void write(one, `${at}${long}`);
  all.forEach(({ socket }) => socket.arrived(bytesOf(".")));
  scene.turn();
  for (const [at, { sent }] of all.entries()) assert.equal(sent.join(""), `${at}${long}`);
});

Deno.test(
  "what the kernel did not take goes out once it does, ahead of what follows and of the end",
  STRICT,
  async () => {
    const scene = loop();
    busy(scene);
    const log: string[] = [];
    const one = played(scene.round, "one", log), others = Array.from({ length: 4 }, () => played(scene.round, "other"));
    one.onText = () => void write(one, "first");
    [one, ...others].forEach(({ socket }) => socket.arrived(bytesOf("a")));
    one.takes = 2;
    scene.turn();
    assert.deepEqual(one.sent, ["fi"]);
    one.takes = 0;
    const second = write(one, "second");
    assert.ok(second instanceof Promise);
    one.socket.drained();
    one.takes = Infinity;
    one.socket.drained();
    assert.equal(await second, 6);
    assert.equal(one.sent.join(""), "firstsecond");

    one.onText = () => {
      one.takes = 1;
      write(one, "last");
      void one.socket.closeWrite();
    };
    [one, ...others].forEach(({ socket }) => socket.arrived(bytesOf("b")));
    scene.turn();
    await Promise.resolve();
    assert.ok(!log.includes("one shuts"));
    one.takes = Infinity;
    one.socket.drained();
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(log.slice(-3), ["one sends l", "one sends ast", "one shuts"]);
    assert.deepEqual(one.unsent, []);
  },
);

Deno.test("an owner hears of what waits, and when that is over: sent, lost or dropped", STRICT, async () => {
  for (const how of ["sent", "sent by a write", "lost", "closed"] as const) {
    const scene = loop();
    busy(scene);
    const one = played(scene.round, "one"), others = Array.from({ length: 4 }, () => played(scene.round, "other"));
    one.onText = () => {
      write(one, "first");
      if (how === "sent by a write") void write(one, "second");
    };
    [one, ...others].forEach(({ socket }) => socket.arrived(bytesOf("a")));
    one.takes = 2;
    scene.turn();
    await Promise.resolve();
    assert.deepEqual(one.held, [true]);
    one.takes = Infinity;
    if (how === "lost") one.socket.wasClosed(new Error("reset"));
    else if (how === "closed") one.socket.close();
    else one.socket.drained();
    await Promise.resolve();
    assert.deepEqual(one.held, [false]);
    for (const other of others) assert.deepEqual(other.held, []);
  }
});

Deno.test("memory that holds less than is to be written brings out nothing of what others have written", STRICT, () => {
  const scene = loop();
  busy(scene);
  const one = played(scene.round, "one"), short = played(scene.round, "short");
  one.onText = () => void write(one, "a secret of one's");
  short.onText = () => void short.socket.write(bytesOf("mine"), 0, 4 + 13);
  for (let turn = 0; turn < 2; turn++) {
    for (const { socket } of turn === 0 ? [one, one, one, one] : [short]) socket.arrived(bytesOf("."));
    scene.turn();
  }
  assert.deepEqual(short.sent, ["mine"]);
});

Deno.test("what never leaves is told of once, by as many bytes", STRICT, async () => {
  for (const how of ["refused", "closed"] as const) {
    const scene = loop();
    busy(scene);
    const one = played(scene.round, "one"), others = Array.from({ length: 4 }, () => played(scene.round, "other"));
    one.onText = () => void write(one, "first");
    [one, ...others].forEach(({ socket }) => socket.arrived(bytesOf("a")));
    one.takes = how === "refused" ? -1 : 2;
    scene.turn();
    if (how === "closed") one.socket.wasClosed(new Error("reset"));
    await Promise.resolve();
    one.socket.wasClosed(new Error("reset"));
    assert.deepEqual(one.unsent, [how === "refused" ? 5 : 3]);
  }
});

Deno.test("the end of a connection, and what breaks it, come behind what it has brought", STRICT, () => {
  const scene = loop();
  busy(scene);
  const log: string[] = [];
  const ended = played(scene.round, "ended", log), broken = played(scene.round, "broken", log);
  for (const { socket } of [ended, broken]) socket.arrived(bytesOf("all"));
  ended.socket.endArrived();
  broken.socket.wasClosed(new Error("reset"));
  scene.turn();
  assert.deepEqual(log, ["ended has all", "ended has the end", "broken has all", "broken is lost"]);
});

Deno.test("who is handed a piece knows that the end has come with it, or what breaks the connection", STRICT, () => {
  for (const how of ["ended", "broken", "open"] as const) {
    const scene = loop();
    busy(scene);
    const one = played(scene.round, "one");
    const known: boolean[] = [];
    one.onText = () => void known.push(one.socket.hasEarly);
    one.socket.arrived(bytesOf("all"));
    assert.ok(one.socket.hasEarly);
    if (how === "ended") one.socket.endArrived();
    else if (how === "broken") one.socket.wasClosed(new Error("reset"));
    scene.turn();
    assert.deepEqual(known, [how !== "open"]);
  }
});

Deno.test(
  "two pieces of one socket in a wait come in order, and nothing to one that was closed meanwhile",
  STRICT,
  () => {
    const scene = loop();
    busy(scene);
    const log: string[] = [];
    const one = played(scene.round, "one", log), other = played(scene.round, "other", log);
    one.onText = (piece) => {
      if (piece === "b") other.socket.close();
    };
    one.socket.arrived(bytesOf("a"));
    one.socket.arrived(bytesOf("b"));
    other.socket.arrived(bytesOf("c"));
    scene.turn();
    assert.deepEqual(log, ["one has a", "one has b", "other closes"]);
  },
);

Deno.test("a fault of one owner's keeps nobody from what is theirs", async () => {
  const faults: string[] = [];
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    faults.push(event.error.message);
  };
  globalThis.addEventListener("error", listener);
  try {
    const scene = loop();
    busy(scene);
    const one = played(scene.round, "one"), other = played(scene.round, "other");
    one.onText = () => {
      throw new Error("ours");
    };
    other.onText = () => void write(other, "here");
    [one, other].forEach(({ socket }) => socket.arrived(bytesOf("a")));
    scene.turn();
    assert.deepEqual(other.sent, ["here"]);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(faults, ["ours"]);
  } finally {
    globalThis.removeEventListener("error", listener);
  }
});

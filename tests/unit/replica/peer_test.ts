import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ephemeralKeyRing, KeyRing, MasterKey } from "../../../lib/envelope/key_ring.ts";
import { readQuestion } from "../../../lib/replica/hop_proof.ts";
import { STRICT } from "../../support/strict.ts";
import { until } from "../../support/until.ts";
import { AtAddress, listening, random, RING } from "./peer_support.ts";

/** A peer that answers questions, and counts them; or takes them and says nothing. */
class Asked extends AtAddress {
  questions = 0;
  isSilent = false;
  /** Called before a question is answered. */
  onQuestion = () => {};

  static async start(): Promise<Asked> {
    return new Asked(await listening());
  }

  protected override take(_request: IncomingMessage, response: ServerResponse, hop: string): void {
    this.questions++;
    if (this.isSilent) return;
    this.onQuestion();
    const question = readQuestion(RING, hop, this.address) ?? readQuestion(this.ring, hop, this.address);
    assert.ok(question !== undefined);
    this.answer(question, response);
  }

  /** Lets the next question be asked in vain. */
  async askInVain(): Promise<void> {
    const before = this.questions;
    await this.timers.advance(1000);
    await until(() => this.questions > before, "the question");
    await this.timers.advance(1000);
  }
}

Deno.test(
  "E5 R2: who has proven himself by a ring that is another by then has not proven himself",
  STRICT,
  async () => {
    await using asked = await Asked.start();
    const { peer } = asked;
    asked.onQuestion = () => asked.ring = ephemeralKeyRing(random);
    assert.equal(await peer.ask(), "lives");
    assert.equal(peer.isReady, false, "by a key that was taken out while he was asked");
    asked.ring = RING;
    assert.equal(peer.isReady, true);
  },
);

Deno.test(
  "E5 R2: before a connection is opened, who listens proves himself under the ring there is by then",
  STRICT,
  async () => {
    await using asked = await Asked.start();
    const { peer } = asked;
    const next = ephemeralKeyRing(random);
    asked.onQuestion = () => asked.ring = next;
    assert.equal(await peer.answers(), true);
    assert.equal(asked.questions, 2, "the first was answered by a key that had been taken out");
  },
);

Deno.test("R3: nothing new is sent into a silence: who has not answered last is asked first", STRICT, async () => {
  await using asked = await Asked.start();
  const { peer } = asked;
  assert.equal(await peer.isThere(), true);
  const call = { abort: () => assert.fail("it is not dead") };
  peer.follow(call);
  asked.isSilent = true;
  await asked.askInVain();
  await until(() => !peer.isReady, "the silence to be noticed, although it was proven a moment ago");
  asked.isSilent = false;
  const { questions } = asked;
  assert.equal(await peer.isThere(), true, "it was busy");
  assert.equal(asked.questions, questions + 1);
  assert.equal(peer.isReady, true);
  peer.forget(call);
});

Deno.test(
  "R3: who stays silent is found dead by whoever asks next, and what is under way is told",
  STRICT,
  async () => {
    await using asked = await Asked.start();
    const { peer, timers } = asked;
    assert.equal(await peer.isThere(), true);
    let dead = 0;
    peer.follow({ abort: () => dead++ });
    asked.isSilent = true;
    await asked.askInVain();
    await until(() => !peer.isReady, "the silence to be noticed");
    const there = peer.isThere();
    let answer: boolean | undefined;
    there.then((is) => answer = is);
    await until(async () => {
      await timers.advance(100);
      return answer !== undefined;
    }, "an end of asking");
    assert.equal(answer, false);
    assert.equal(peer.isDead, true);
    await until(async () => {
      await timers.advance(100);
      return dead === 1;
    }, "whoever waits to be told");
  },
);

/** What listens at the address of a peer: that one, or, from a moment on, somebody else who has taken its port. */
class PortTaken extends AtAddress {
  /** What the thief was sent that is no question. */
  readonly stolen: string[] = [];
  questions = 0;
  isTaken = false;

  static async start(): Promise<PortTaken> {
    return new PortTaken(await listening());
  }

  protected override take(request: IncomingMessage, response: ServerResponse, hop: string): void {
    const question = readQuestion(this.ring, hop, this.address);
    if (question !== undefined) this.questions++;
    if (this.isTaken) {
      if (question === undefined) this.stolen.push(String(request.headers.authorization));
      return void response.writeHead(200).end("whatever");
    }
    // It dies as it is sent something, and its port is somebody else's at once.
    if (question === undefined) return this.die();
    this.answer(question, response);
  }

  die(): void {
    this.isTaken = true;
    this.server.closeAllConnections();
  }
}

Deno.test(
  "R2: nothing is passed on to whoever has taken the address of a peer since it was last heard",
  STRICT,
  async () => {
    await using port = await PortTaken.start();
    const { peer, timers } = port;
    assert.equal(await peer.isThere(), true);
    assert.equal(peer.isReady, true);
    await timers.advance(5000);
    assert.equal(await peer.isThere(), true);
    assert.equal(port.questions, 1, "it was heard a moment ago");
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), true);
    assert.equal(port.questions, 2);
    port.isTaken = true;
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), false);
  },
);

for (const method of ["GET", "POST"]) {
  Deno.test(
    `R2: a ${method} that met the end of a home is not sent again to whoever has its port now`,
    STRICT,
    async () => {
      await using port = await PortTaken.start();
      const { peer } = port;
      assert.equal(await peer.isThere(), true);
      assert.notEqual(await port.pass(method), "200");
      assert.deepEqual(port.stolen, []);
      assert.equal(port.isTaken, true);
    },
  );
}

Deno.test("R2: a call that finds no connection free asks who is there before its own", STRICT, async () => {
  await using port = await PortTaken.start();
  const { peer } = port;
  assert.equal(await peer.isThere(), true);
  port.die();
  // At once, in the very step: nobody has noticed yet.
  await Promise.all([port.pass("GET"), port.pass("POST"), port.pass("GET")]);
  assert.deepEqual(port.stolen, []);
});

/** A peer of a known ring that takes what is passed on, and on which of its connections each came. */
class Taking extends AtAddress {
  /** What the other side holds. */
  theirs = this.ring;
  /** Called before a question is answered. */
  onQuestion = () => {};
  /** Of the requests that are no questions: their connection, and what they are proven by. */
  readonly taken: {
    readonly port: number;
    readonly keyId: string | undefined;
    readonly instance: string | undefined;
  }[] = [];
  /** The connections that questions came on. */
  readonly askedFrom: number[] = [];
  /** Answers a request at once, unless it is to wait. */
  held: ServerResponse[] | undefined = undefined;

  static async start(first: KeyRing): Promise<Taking> {
    return new Taking(await listening(), first);
  }

  protected override take(request: IncomingMessage, response: ServerResponse, hop: string): void {
    const port = request.socket.remotePort!;
    if (!hop.includes(" who ")) return this.#takePassedOn(port, hop, response);
    this.onQuestion();
    this.askedFrom.push(port);
    const question = readQuestion(this.theirs, hop, this.address);
    if (question === undefined) return void response.writeHead(401).end();
    this.answer(question, response);
  }

  #takePassedOn(port: number, hop: string, response: ServerResponse): void {
    const [, keyId, instance] = hop.split(" ");
    this.taken.push({ port, keyId, instance });
    if (this.held === undefined) response.writeHead(200).end("{}");
    else this.held.push(response);
  }
}

const key = () => new MasterKey(random(32));
const [older, newer] = [key(), key()];
const CHANGES: Record<string, KeyRing> = {
  "the key it is known by is withdrawn": new KeyRing([newer]),
  "another seals by now": new KeyRing([newer, older]),
  "a key is added": new KeyRing([older, newer]),
};

for (const [what, next] of Object.entries(CHANGES)) {
  Deno.test(`E5 R2: nothing more goes to whoever was connected before ${what}`, STRICT, async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer, taken } = taking;
    assert.equal(await peer.isThere(), true);
    assert.equal(await taking.pass(), "200");
    await until(() => peer.pool.stats.idle === 1, "the connection at rest");
    taking.ring = taking.theirs = next;
    assert.equal(await peer.isThere(), true);
    assert.equal(await taking.pass(), "200");
    assert.equal(taken.length, 2);
    assert.notEqual(taken[0]!.port, taken[1]!.port);
    await until(() => peer.pool.stats.open === 1, "the older connection to be closed");
  });
}

Deno.test(
  "E5 R2: what is under way when the ring changes may end, and is the last on its connection",
  STRICT,
  async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer, taken } = taking;
    taking.held = [];
    assert.equal(await peer.isThere(), true);
    const first = taking.pass();
    await until(() => taken.length === 1, "the first to be taken");
    taking.ring = taking.theirs = new KeyRing([newer]);
    assert.equal(await peer.isThere(), true);
    const second = taking.pass();
    await until(() => taken.length === 2, "the second to be taken");
    assert.notEqual(taken[0]!.port, taken[1]!.port);
    for (const response of taking.held) response.writeHead(200).end("{}");
    taking.held = undefined;
    assert.deepEqual([await first, await second], ["200", "200"]);
    assert.equal(await taking.pass(), "200");
    assert.equal(taken[2]!.port, taken[1]!.port);
    await until(() => peer.pool.stats.open === 1, "the older connection to be closed");
  },
);

Deno.test(
  "E5 R2: what was proven under a ring that is another before there is a connection is not sent",
  STRICT,
  async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer, taken } = taking;
    assert.equal(await peer.isThere(), true);
    const next = new KeyRing([newer]);
    taking.onQuestion = () => taking.ring = next;
    taking.theirs = new KeyRing([older, newer]);
    assert.equal(await taking.pass(), "connect_failed, unsent");
    assert.equal(taken.length, 0);
    assert.equal(peer.isReady, true, "he has proven himself under the one that there is by now");
    assert.equal(await taking.pass(), "200");
    assert.deepEqual(taken.map(({ keyId }) => keyId), [newer.id]);
  },
);

Deno.test(
  "R2: what was meant for a process that is another before there is a connection is not sent",
  STRICT,
  async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer, taken } = taking;
    assert.equal(await peer.isThere(), true);
    taking.instance = "j".repeat(22);
    assert.equal(await taking.pass(), "connect_failed, unsent");
    assert.equal(await taking.pass(), "200");
    assert.deepEqual(taken.map(({ instance }) => instance), [taking.instance]);
  },
);

Deno.test(
  "R2: nothing goes to a process before the one there is on a connection that it has kept",
  STRICT,
  async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer, taken } = taking;
    assert.equal(await peer.isThere(), true);
    assert.equal(await taking.pass(), "200");
    await until(() => peer.pool.stats.idle === 1, "the connection at rest");
    taking.instance = "j".repeat(22);
    assert.equal(await peer.ask(), "lives");
    assert.equal(await taking.pass(), "200");
    assert.notEqual(taken[0]!.port, taken[1]!.port);
  },
);

Deno.test(
  "R3: whoever answers a question with no proof is not asked again on the same connection",
  STRICT,
  async () => {
    await using taking = await Taking.start(new KeyRing([older]));
    const { peer } = taking;
    taking.theirs = new KeyRing([newer]);
    assert.equal(await peer.ask(), "silent");
    taking.theirs = taking.ring;
    assert.equal(await peer.ask(), "lives");
    assert.equal(new Set(taking.askedFrom).size, 2);
  },
);

/** A peer that proves itself, and takes what is passed on until the test answers it. */
class Streaming extends AtAddress {
  readonly taken: ServerResponse[] = [];

  static async start(): Promise<Streaming> {
    return new Streaming(await listening());
  }

  protected override take(_request: IncomingMessage, response: ServerResponse, hop: string): void {
    const question = readQuestion(RING, hop, this.address);
    if (question === undefined) this.taken.push(response);
    else this.answer(question, response);
  }
}

Deno.test(
  "R1: what was passed on is followed until its answer is released, not until it has begun",
  STRICT,
  async () => {
    await using at = await Streaming.start();
    const { peer, taken } = at;
    assert.equal(await peer.isThere(), true);
    const call = at.send("GET");
    await until(() => taken.length === 1, "the request");
    assert.equal(peer.underWay, 1);
    taken[0]!.writeHead(200, { "content-type": "text/event-stream" }).write(": hi\n\n");
    const answer = await call.response;
    assert.equal(answer.head.status, 200);
    assert.ok(await answer.body.read() !== null);
    // Of a stream, which may last for days, the head is not kept.
    answer.forgetHead!();
    assert.deepEqual([answer.head.fields, peer.underWay], [[], 1]);
    answer.release();
    answer.release();
    assert.equal(peer.underWay, 0);
  },
);

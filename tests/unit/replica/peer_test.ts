import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ephemeralKeyRing, KeyRing, MasterKey } from "../../../lib/envelope/key_ring.ts";
import { type ClientResponse, HttpError } from "../../../lib/http1/types.ts";
import { digestOfBody, HOP_FIELD, proveAnswer, readQuestion } from "../../../lib/replica/hop_proof.ts";
import { Peer } from "../../../lib/replica/peer.ts";
import { FakeTimers } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";
import { until } from "../../support/until.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const ring = ephemeralKeyRing(random);

/** A peer that answers questions, and counts them; or takes them and says nothing. */
class Asked implements AsyncDisposable {
  readonly peer: Peer;
  readonly timers = new FakeTimers();
  questions = 0;
  isSilent = false;
  ring = ring;
  /** Called before a question is answered. */
  onQuestion = () => {};
  readonly #server: Server;

  private constructor(server: Server) {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server.on("request", (request, response) => {
      this.questions++;
      if (this.isSilent) return;
      this.onQuestion();
      const field = String(request.headers[HOP_FIELD]);
      const question = readQuestion(ring, field, address) ?? readQuestion(this.ring, field, address);
      assert.ok(question !== undefined);
      const said = { to: address, challenge: question.challenge, instance: "i".repeat(22) };
      response.writeHead(204, { [HOP_FIELD]: proveAnswer(question.key, said) }).end();
    });
    const { timers } = this;
    this.peer = new Peer({
      place: { inNetworks: true, name: undefined },
      ...{
        address,
        path: "/mcp",
        sender: "s".repeat(22),
        from: "http://127.0.0.1:9",
        firstCount: 0,
        ring: () => this.ring,
        random,
        timers,
      },
    });
  }

  static async start(): Promise<Asked> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Asked(server);
  }

  /** Lets the next question be asked in vain. */
  async askInVain(): Promise<void> {
    const before = this.questions;
    await this.timers.advance(1000);
    await until(() => this.questions > before, "the question");
    await this.timers.advance(1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.peer.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
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
    asked.ring = ring;
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

Deno.test(
  "R2: nothing is passed on to whoever has taken the address of a peer since it was last heard",
  STRICT,
  async () => {
    let asked = 0;
    let listener: RequestListener = () => {};
    const server = createServer((request, response) => listener(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    listener = (request, response) => {
      asked++;
      const question = readQuestion(ring, String(request.headers[HOP_FIELD]), address);
      assert.ok(question !== undefined);
      const answer = proveAnswer(question.key, {
        to: address,
        challenge: question.challenge,
        instance: "i".repeat(22),
      });
      response.writeHead(204, { [HOP_FIELD]: answer }).end();
    };
    const timers = new FakeTimers();
    const peer = new Peer({
      ...{
        address,
        place: { inNetworks: true, name: undefined },
        path: "/mcp",
        sender: "s".repeat(22),
        firstCount: 0,
        from: "http://127.0.0.1:9",
        ring: () => ring,
        random,
        timers,
      },
    });
    assert.equal(await peer.isThere(), true);
    assert.equal(peer.isReady, true);
    await timers.advance(5000);
    assert.equal(await peer.isThere(), true);
    assert.equal(asked, 1, "it was heard a moment ago");
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), true);
    assert.equal(asked, 2);
    listener = (_, response) => void response.writeHead(200).end("not one of us");
    await timers.advance(60_000);
    assert.equal(peer.isReady, false);
    assert.equal(await peer.isThere(), false);
    peer.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
);

/** What listens at the address of a peer: that one, or, from a moment on, somebody else who has taken its port. */
class PortTaken implements AsyncDisposable {
  readonly peer: Peer;
  readonly timers = new FakeTimers();
  /** What the thief was sent that is no question. */
  readonly stolen: string[] = [];
  questions = 0;
  isTaken = false;
  readonly #server: Server;

  private constructor(server: Server) {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server.on("request", (request, response) => {
      const field = String(request.headers[HOP_FIELD]);
      const question = readQuestion(ring, field, address);
      if (question !== undefined) this.questions++;
      if (this.isTaken) {
        if (question === undefined) this.stolen.push(String(request.headers.authorization));
        return void response.writeHead(200).end("whatever");
      }
      // It dies as it is sent something, and its port is somebody else's at once.
      if (question === undefined) return this.#die();
      const said = { to: address, challenge: question.challenge, instance: "i".repeat(22) };
      response.writeHead(204, { [HOP_FIELD]: proveAnswer(question.key, said) }).end();
    });
    const { timers } = this;
    this.peer = new Peer({
      ...{ address, path: "/mcp", sender: "s".repeat(22), from: "http://127.0.0.1:9", firstCount: 0 },
      ...{ ring: () => ring, random, timers, place: { inNetworks: true, name: undefined } },
    });
  }

  static async start(): Promise<PortTaken> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new PortTaken(server);
  }

  die(): void {
    this.#die();
  }

  #die(): void {
    this.isTaken = true;
    this.#server.closeAllConnections();
  }

  /** @returns the code of what became of it */
  async pass(method: string): Promise<string> {
    const fields = ["host", "signet.example", "authorization", "Bearer secret"];
    const passage = this.peer.passageOf({ method, target: "/mcp", fields, client: "" });
    const call = this.peer.send(passage, {
      body: undefined,
      message: { bodyDigest: digestOfBody(), count: this.peer.nextCount(), sessionId: undefined },
    });
    try {
      const answer = await call.response as ClientResponse;
      answer.release();
      return String(answer.head.status);
    } catch (error) {
      return (error as HttpError).code;
    } finally {
      this.peer.forget(call);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.peer.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

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
class Taking implements AsyncDisposable {
  readonly peer: Peer;
  readonly timers = new FakeTimers();
  /** Ours, and what the other side holds. */
  ring: KeyRing;
  theirs: KeyRing;
  instance = "i".repeat(22);
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
  readonly #server: Server;

  private constructor(server: Server, first: KeyRing) {
    [this.ring, this.theirs] = [first, first];
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server.on("request", (request, response) => {
      const field = String(request.headers[HOP_FIELD]);
      const isQuestion = field.includes(" who ");
      if (!isQuestion) return this.#take(request.socket.remotePort!, field, response);
      this.onQuestion();
      this.askedFrom.push(request.socket.remotePort!);
      const question = readQuestion(this.theirs, field, address);
      if (question === undefined) return void response.writeHead(401).end();
      const said = { to: address, challenge: question.challenge, instance: this.instance };
      response.writeHead(204, { [HOP_FIELD]: proveAnswer(question.key, said) }).end();
    });
    this.peer = new Peer({
      ...{ address, path: "/mcp", sender: "s".repeat(22), from: "http://127.0.0.1:9", firstCount: 0 },
      ...{ ring: () => this.ring, random, timers: this.timers, place: { inNetworks: true, name: undefined } },
    });
  }

  static async start(first: KeyRing): Promise<Taking> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Taking(server, first);
  }

  #take(port: number, field: string, response: ServerResponse): void {
    const [, keyId, instance] = field.split(" ");
    this.taken.push({ port, keyId, instance });
    if (this.held === undefined) response.writeHead(200).end("{}");
    else this.held.push(response);
  }

  /** @returns the status, or the code of what became of it and whether it was not sent */
  async pass(method = "POST"): Promise<string> {
    const fields = ["host", "signet.example", "authorization", "Bearer secret"];
    const passage = this.peer.passageOf({ method, target: "/mcp", fields, client: "" });
    const call = this.peer.send(passage, {
      body: undefined,
      message: { bodyDigest: digestOfBody(), count: this.peer.nextCount(), sessionId: undefined },
    });
    try {
      const answer = await call.response as ClientResponse;
      answer.body.takeBuffered();
      answer.release();
      return String(answer.head.status);
    } catch (error) {
      const { code, unsent } = error as HttpError;
      return unsent ? `${code}, unsent` : code;
    } finally {
      this.peer.forget(call);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.peer.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
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

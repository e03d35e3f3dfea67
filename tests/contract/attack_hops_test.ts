// Who sits between two replicas over http and does more than read (docs/behaviour.md R2, docs/security.md).
import assert from "node:assert/strict";
import {
  digestOfBody,
  HOP_FIELD,
  HOP_PROOF_FIELD,
  HopHead,
  proveQuestion,
  readAnswer,
} from "../../lib/replica/hop_proof.ts";
import { RawClient } from "../support/raw_client.ts";
import { type Replica, Replicas } from "../support/replicas.ts";
import { call, INITIALIZE, LANES } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** Who calls is whom `x-act-as` names, or `x-key` where nobody is named. */
function resolver(): Deno.HttpServer<Deno.NetAddr> & AsyncDisposable {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { headers } = await request.json() as { headers: Record<string, string> };
    return Response.json({ subject: headers["x-act-as"] ?? headers["x-key"] });
  });
}

/** The process at a replica's address, as another replica finds it out. */
async function instanceAt(replicas: Replicas, { address }: Replica): Promise<string> {
  const key = replicas.ring.active;
  const asked = { to: address, challenge: "c".repeat(22) };
  const response = await fetch(`${address}/mcp`, { headers: { [HOP_FIELD]: proveQuestion(key, asked) } });
  await response.body?.cancel();
  const instance = readAnswer(key, response.headers.get(HOP_FIELD) ?? "", asked);
  assert.ok(instance !== undefined);
  return instance;
}

for (const lane of LANES) {
  Deno.test(`R2: who is between two replicas adds no field to a request (${lane} lane)`, STRICT, async () => {
    await using identity = resolver();
    await using replicas = await Replicas.start({
      count: 1,
      lane,
      flags: [
        ...["--principal", "resolver", "--resolver-url", `http://127.0.0.1:${identity.addr.port}/`],
        ...["--resolver-header", "x-key", "--resolver-header", "x-act-as"],
      ],
    });
    const home = replicas.at(0);
    const opened = await home.signet.post(INITIALIZE, { headers: { "x-key": "alice" } });
    await opened.body?.cancel();
    const id = opened.headers.get("mcp-session-id")!;
    const [instance, sender] = [await instanceAt(replicas, home), "s".repeat(22)];
    const body = JSON.stringify(call(1, "count"));
    const bodyDigest = digestOfBody(new TextEncoder().encode(body));
    /** A request as another replica passes it on, and what is added to it on its way, or what its session's field says then. */
    const passed = async (count: number, name: string, added: string, session = `mcp-session-id: ${id}`) => {
      const fields = [
        ...["host", new URL(home.address).host, "content-type", "application/json"],
        ...["accept", "application/json, text/event-stream", "x-key", name],
      ];
      const origin = { instance, sender, from: "http://127.0.0.1:1", client: "127.0.0.1" };
      const request = { to: home.address, method: "POST", target: "/mcp", fields };
      const head = new HopHead(replicas.ring.active, origin, request);
      const lines = fields.map((text, at) => at % 2 === 0 ? `${text}: ` : `${text}\r\n`).join("");
      using client = await RawClient.connect(home.address);
      await client.send(
        `POST /mcp HTTP/1.1\r\n${lines}${HOP_FIELD}: ${head.field}\r\n${session}\r\n${HOP_PROOF_FIELD}: ` +
          `${
            head.prove({ count, bodyDigest, sessionId: id })
          }\r\ncontent-length: ${body.length}\r\n${added}\r\n${body}`,
      );
      return (await client.answer()).status;
    };
    assert.equal(await passed(1, "alice", ""), 200, "as it was proven");
    assert.equal(await passed(2, "mallory", ""), 403, "another caller");
    for (
      const [at, connection] of ["x-act-as", "close, X-Act-As", "keep-alive, x-act-as , x-other"].entries()
    ) {
      const added = `connection: ${connection}\r\nx-act-as: alice\r\n`;
      assert.equal(await passed(3 + at, "mallory", added), 403, connection);
    }
    for (const [at, name] of ["te", "proxy-authorization", "keep-alive"].entries()) {
      assert.equal(await passed(6 + at, "alice", `${name}: x\r\n`), 403, `${name}, of which no replica passes any on`);
    }
    assert.equal(await passed(9, "alice", "connection: close, keep-alive\r\n"), 200, "it names no field");
    for (const [at, connection] of ["x-key", "keep-alive, X-Other", "x-act-as"].entries()) {
      assert.equal(await passed(20 + at, "alice", `connection: ${connection}\r\n`), 403, `${connection} is taken away`);
    }
    const second = await home.signet.post(INITIALIZE, { headers: { "x-key": "alice" } });
    await second.body?.cancel();
    const other = second.headers.get("mcp-session-id")!;
    for (const [at, said] of [`mcp-session-id: ${other}`, "x-other: y", "mcp-session-id:"].entries()) {
      assert.equal(await passed(10 + at, "alice", "", said), 403, "another session, or none");
    }
    assert.equal(await passed(13, "alice", "", `mcp-session-id: ${id}\r\nmcp-session-id: ${other}`), 400);
    assert.equal(home.upstream.received("POST", "tools/call").length, 2);
  });
}

/** Another replica on one connection, which says what a test wants. */
class Forger implements Disposable {
  readonly #replicas: Replicas;
  readonly #home: Replica;
  readonly #instance: string;
  readonly #client: RawClient;
  readonly #id: string;
  readonly fields: string[];

  private constructor(replicas: Replicas, home: Replica, { instance, client, id }: {
    readonly instance: string;
    readonly client: RawClient;
    readonly id: string;
  }) {
    [this.#replicas, this.#home, this.#instance, this.#client, this.#id] = [replicas, home, instance, client, id];
    this.fields = [
      ...["host", new URL(home.address).host, "content-type", "application/json"],
      ...["accept", "application/json, text/event-stream"],
    ];
  }

  static async connect(replicas: Replicas, id: string): Promise<Forger> {
    const home = replicas.at(0);
    const instance = await instanceAt(replicas, home);
    return new Forger(replicas, home, { instance, client: await RawClient.connect(home.address), id });
  }

  head(method = "POST", fields: readonly string[] = this.fields): HopHead {
    const origin = {
      instance: this.#instance,
      sender: "s".repeat(22),
      from: "http://127.0.0.1:1",
      client: "127.0.0.1",
    };
    return new HopHead(this.#replicas.ring.active, origin, { to: this.#home.address, method, target: "/mcp", fields });
  }

  prove(count: number, body: string, head: HopHead = this.head()): string {
    return head.prove({ count, bodyDigest: digestOfBody(new TextEncoder().encode(body)), sessionId: this.#id });
  }

  /** Sends a head and a body; the latter apart where it is not to be there with the head. */
  async send(said: {
    readonly proof: string;
    readonly body: string;
    readonly head?: HopHead;
    readonly method?: string;
    readonly fields?: readonly string[];
    readonly session?: string;
    readonly more?: string;
    readonly apart?: boolean;
  }): Promise<number> {
    const { proof, body, head = this.head(), method = "POST", fields = this.fields, session = this.#id } = said;
    const { more = "", apart = false } = said;
    const lines = fields.map((text, at) => at % 2 === 0 ? `${text}: ` : `${text}\r\n`).join("");
    const start = `${method} /mcp HTTP/1.1\r\n${lines}${HOP_FIELD}: ${head.field}\r\n${HOP_PROOF_FIELD}: ${proof}\r\n` +
      `mcp-session-id: ${session}\r\n${more}content-length: ${body.length}\r\n\r\n`;
    await this.#client.send(apart ? start : start + body);
    if (apart) await this.#client.send(body);
    return (await this.#client.answer()).status;
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

for (const lane of LANES) {
  Deno.test(
    `R2: a proof is of one request, whatever came before on its connection (${lane} lane)`,
    STRICT,
    async () => {
      await using replicas = await Replicas.start({ count: 1, lane });
      const home = replicas.at(0);
      const [id, other] = [await home.signet.open(), await home.signet.open()];
      const [body, another] = [JSON.stringify(call(1, "count")), JSON.stringify(call(2, "count"))];
      using forger = await Forger.connect(replicas, id);
      const tries: [why: string, wanted: number, said: Parameters<Forger["send"]>[0]][] = [
        ["as it was proven", 200, { proof: forger.prove(1, body), body }],
        ["again", 403, { proof: forger.prove(1, body), body }],
        ["under the same head, another body", 200, { proof: forger.prove(2, another), body: another }],
        ["a body of the same length in its place", 403, { proof: forger.prove(3, body), body: another }],
        ["the same, behind its head", 403, { proof: forger.prove(4, body), body: another, apart: true }],
        ["a body that is cut", 403, { proof: forger.prove(5, `${body} `), body }],
        ["a body that has grown", 403, { proof: forger.prove(6, body), body: `${body} ` }],
        ["none at all", 403, { proof: forger.prove(7, body), body: "" }],
        ["one that was proven to be none", 403, { proof: forger.prove(8, ""), body }],
        ["another number", 403, { proof: forger.prove(9, body).replace(/^\d{15}/, "000000000000010"), body }],
        ["another session's id", 403, { proof: forger.prove(11, body), body, session: other }],
        ["another head's proof", 403, { proof: forger.prove(12, body, forger.head("DELETE")), body }],
        ["another method", 403, { proof: forger.prove(13, ""), body: "", method: "DELETE" }],
        ["a field of the proof's taken out", 403, {
          proof: forger.prove(14, body),
          body,
          fields: forger.fields.slice(0, -2),
        }],
        ["a field more", 403, { proof: forger.prove(15, body), body, more: "last-event-id: 1\r\n" }],
        ["far behind", 403, { proof: forger.prove(0, body).replace(/^\d/, "9"), body }],
        ["behind its head, as it was proven", 200, { proof: forger.prove(16, body), body, apart: true }],
        ["as it was proven, after all of these", 200, { proof: forger.prove(17, body), body }],
      ];
      let ran = 0;
      for (const [why, wanted, said] of tries) {
        assert.equal(await forger.send(said), wanted, why);
        if (wanted === 200) ran++;
        assert.equal(home.upstream.received("POST", "tools/call").length, ran, why);
      }
      assert.equal(home.upstream.received("DELETE").length, 0);
      await until(
        async () => await home.signet.metric("signet_buffered_body_bytes") === 0,
        "nothing of what was refused is held",
      );
    },
  );
}

// The address of a peer, for tests of the peer alone: who listens there, which a test's own class says, and the peer as we
// see it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ephemeralKeyRing, type KeyRing } from "../../../lib/envelope/key_ring.ts";
import type { Call, HttpError } from "../../../lib/http1/types.ts";
import { digestOfBody, HOP_FIELD, proveAnswer, type readQuestion } from "../../../lib/replica/hop_proof.ts";
import { Peer } from "../../../lib/replica/peer.ts";
import { FakeTimers } from "../../support/fake_timers.ts";

export const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
export const RING = ephemeralKeyRing(random);

/** A server on a free port of loopback, which takes no request yet. */
export async function listening(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

type Question = NonNullable<ReturnType<typeof readQuestion>>;

/** Whoever listens at the address of a peer. */
export abstract class AtAddress implements AsyncDisposable {
  readonly address: string;
  readonly peer: Peer;
  readonly timers = new FakeTimers();
  /** Ours. */
  ring: KeyRing;
  /** The process that says it is there. */
  instance = "i".repeat(22);
  protected readonly server: Server;

  constructor(server: Server, ring = RING) {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    [this.address, this.ring] = [address, ring];
    this.server = server.on("request", (request, response) => {
      this.take(request, response, String(request.headers[HOP_FIELD]));
    });
    const { timers } = this;
    this.peer = new Peer({
      ...{ address, path: "/mcp", sender: "s".repeat(22), from: "http://127.0.0.1:9", firstCount: 0 },
      ...{ ring: () => this.ring, random, timers, place: { inNetworks: true, name: undefined } },
    });
  }

  protected abstract take(request: IncomingMessage, response: ServerResponse, hop: string): void;

  /** Proves who is there. */
  protected answer({ key, challenge }: Question, response: ServerResponse): void {
    const said = { to: this.address, challenge, instance: this.instance };
    response.writeHead(204, { [HOP_FIELD]: proveAnswer(key, said) }).end();
  }

  /** Passes a request on. */
  send(method = "POST"): Call {
    const fields = ["host", "signet.example", "authorization", "Bearer secret"];
    const passage = this.peer.passageOf({ method, target: "/mcp", fields, client: "" });
    return this.peer.send(passage, {
      body: undefined,
      message: { bodyDigest: digestOfBody(), count: this.peer.nextCount(), sessionId: undefined },
    });
  }

  /** @returns the status, or the code of what became of it and whether it was not sent */
  async pass(method = "POST"): Promise<string> {
    const call = this.send(method);
    try {
      const answer = await call.response;
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
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

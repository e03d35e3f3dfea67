// What listens at a replica's address in a test: it proves who it is by the ring, and takes what is passed on as the test says.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { proveAnswer, readQuestion } from "../../lib/replica/hop_proof.ts";

/** A home that proves who it is, and then takes requests as `take` says. */
export class FalseHome implements AsyncDisposable {
  readonly taken: string[] = [];
  answersQuestions = true;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async at(
    address: string,
    ring: KeyRing,
    take: (home: FalseHome, request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<FalseHome> {
    const instance = "i".repeat(22);
    const server = createServer((request, response) => {
      const question = readQuestion(ring, String(request.headers["signet-hop"]), address);
      if (question !== undefined) {
        if (!home.answersQuestions) return;
        const answer = proveAnswer(question.key, { to: address, challenge: question.challenge, instance });
        return void response.writeHead(204, { "signet-hop": answer }).end();
      }
      home.taken.push(`${request.method} ${request.headers["signet-hop"]} ${request.headers["signet-hop-proof"]}`);
      take(home, request, response);
    });
    const home = new FalseHome(server);
    await new Promise<void>((resolve) => server.listen(Number(new URL(address).port), "127.0.0.1", resolve));
    return home;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

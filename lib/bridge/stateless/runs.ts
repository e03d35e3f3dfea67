// Stateless clients' calls at their peer, by the ids that the peer knows them by: ids and progress tokens of clients would
// clash (docs/behaviour.md B6).
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { type Loss, type Message, NO_CARRIER, type Peer } from "../peer/peer.ts";
import { ownIdOf } from "../peer/peer_line.ts";
import type { Exchange, Run, Translated } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import type { KeptAnswers } from "./rounds/kept_answers.ts";
import { withToken } from "./texts.ts";

export interface RunsOptions {
  readonly exchanges: Exchanges;
  /** @returns as `Asker.onReply` */
  readonly onReply: (run: Run, reply: Message) => Promise<void> | undefined;
  readonly onLost: (run: Run, loss: Loss) => void;
}

export class Runs {
  readonly #options: RunsOptions;
  /** By the id the peer knows them by, which is their progress token too. */
  readonly #running = new Map<number, Run>();

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  /** @param id as the peer writes it: anything, and a number as text, too */
  get(id: unknown): Run | undefined {
    const own = ownIdOf(id);
    return own === undefined ? undefined : this.#running.get(own);
  }

  has({ ownId }: Run): boolean {
    return this.#running.has(ownId);
  }

  /** Oldest first. */
  all(): Run[] {
    return [...this.#running.values()];
  }

  /** @param answers what its client has said already, which end with the call */
  ask(exchange: Exchange, peer: Peer, post: Translated, answers?: KeptAnswers): void {
    const { exchanges, onReply, onLost } = this.#options;
    const ownId = peer.nextId;
    const { method } = exchange;
    const { fields, noted } = post;
    const run: Run = {
      peer,
      ownId,
      method,
      exchange,
      questions: undefined,
      place: undefined,
      cancelGathering: undefined,
      kept: undefined,
      answers,
    };
    const { text, id } = exchange.token === undefined ? post : withToken(post, ownId);
    const sent = peer.ask(text, id, {
      onReply: (reply) => onReply(run, reply),
      onLost: (loss) => onLost(run, loss),
    }, { fields, noted });
    if (sent === undefined) {
      answers?.release();
      return exchanges.failBusy(exchange);
    }
    exchange.running = run;
    this.#running.set(ownId, run);
  }

  /** The peer has answered it, and nobody is there to be told. */
  answered({ ownId }: Run): void {
    this.#running.delete(ownId);
  }

  /** It does not run any more, and waits for nobody. */
  end(run: Run): void {
    this.#running.delete(run.ownId);
    run.cancelGathering?.();
    run.place?.leave();
    run.answers?.release();
  }

  /** @returns false if the peer does not take it now, and then nothing has changed */
  cancel({ peer, ownId: requestId }: Run, reason: string): boolean {
    const params = { requestId, reason };
    const cancelled = encodeJson({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    if (!peer.send(cancelled, NO_CARRIER)) return false;
    peer.forget(requestId);
    return true;
  }
}

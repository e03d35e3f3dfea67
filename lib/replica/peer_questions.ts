// Asking who listens at another replica's address.
// Guarantees: a question ends within a second; who is found has proven to hold a key of the ring, under that very address.
import { Buffer } from "node:buffer";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import type { Pool } from "../http1/client/pool.ts";
import { type ClientResponse, HttpError } from "../http1/types.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import type { Timers } from "../platform/time/timers.ts";
import { HOP_FIELD, proveQuestion, readAnswer } from "./hop_proof.ts";

export interface QuestionOptions {
  /** Who is asked: `http://10.0.0.7:8080`. */
  readonly address: string;
  /** What to name in `Host`, and the path of the endpoint there. */
  readonly host: string;
  readonly path: string;
  readonly random: (n: number) => Uint8Array;
  readonly timers: Timers;
}

/** The process that is there, and the key it has proven itself with. */
export interface FoundProcess {
  readonly instance: string;
  readonly key: MasterKey;
}

/** Nobody listens there, or nobody answers who is one of us. */
export interface FoundNobody {
  readonly liveness: "silent" | "refused";
  readonly why: string;
}

const QUESTION_TIMEOUT_MS = 1000;
/** Why it is not taken for a replica. */
const UNANSWERED = `no answer within ${QUESTION_TIMEOUT_MS} ms`;
const STRANGER: FoundNobody = {
  liveness: "silent",
  why: "who answers there proves to hold no key of the ring, under that address",
};

export class PeerQuestions {
  readonly #pool: Pool;
  readonly #options: QuestionOptions;

  /** @param pool for questions alone: connections that carry requests wait for their answers */
  constructor(pool: Pool, options: QuestionOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** Asks with each key of the ring. Never rejects. */
  async ask(ring: KeyRing): Promise<FoundProcess | FoundNobody> {
    // The key that seals first: during a rotation the other side may know an older one only.
    for (const key of ring.keys) {
      const found = await this.#askWith(key);
      if (found !== undefined) return found;
    }
    // Who listens there may be another one than who has kept the connection, and would never be asked.
    this.#pool.retire();
    return STRANGER;
  }

  /** @returns undefined if who answers does not prove to hold the key */
  async #askWith(key: MasterKey): Promise<FoundProcess | FoundNobody | undefined> {
    const { address, host, path, random, timers } = this.#options;
    const challenge = Buffer.from(random(16)).toString("base64url");
    const asked = { to: address, challenge };
    const fields = ["host", host, HOP_FIELD, proveQuestion(key, asked)];
    const call = this.#pool.send({ method: "GET", target: path, fields });
    const cancel = timers.after(QUESTION_TIMEOUT_MS, () => call.abort());
    try {
      const instance = readAnswer(key, takeAnswer(await call.response), asked);
      return instance === undefined ? undefined : { instance, key };
    } catch (error) {
      return nobody(error);
    } finally {
      cancel();
    }
  }

  close(): void {
    this.#pool.close();
  }
}

function takeAnswer(response: ClientResponse): string {
  response.body.takeBuffered(); // a body that is here leaves its connection fit for use
  const answer = fieldValue(response.head.fields, HOP_FIELD) ?? "";
  response.release();
  return answer;
}

function nobody(error: unknown): FoundNobody {
  const fault = error instanceof HttpError ? error : undefined;
  const why = fault === undefined || fault.code === "aborted" ? UNANSWERED : fault.message;
  return { liveness: fault?.code === "connect_failed" ? "refused" : "silent", why };
}

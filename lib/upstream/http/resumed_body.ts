// A body of which some has been read to look at it: it is handed out from its beginning all the same.
import { OtherAnswer } from "../../http1/other_answer.ts";
import type { BodyReader, ClientResponse } from "../../http1/types.ts";
import { gatherBody } from "../../http1/wire/bodies/gather_body.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";

/** What has been read ahead. */
export interface ReadAhead {
  /** In memory of its own. */
  readonly prefix: Uint8Array;
  /** A read that was begun and not waited for any longer. */
  readonly pending?: Promise<Bytes | null> | undefined;
}

/** The answer as it was before something of it was read ahead. */
export function resumed(response: ClientResponse, ahead: ReadAhead): ClientResponse {
  return new OtherAnswer(response, { body: new ResumedBody(response.body, ahead) });
}

export class ResumedBody implements BodyReader {
  readonly length: number;
  readonly #rest: BodyReader;
  #prefix: Uint8Array | undefined;
  #pending: Promise<Bytes | null> | undefined;

  constructor(rest: BodyReader, ahead: ReadAhead) {
    this.#rest = rest;
    this.length = rest.length;
    this.#prefix = ahead.prefix.length === 0 ? undefined : ahead.prefix;
    this.#pending = ahead.pending;
    ahead.pending?.catch(() => {}); // whoever reads on is told
  }

  get done(): boolean {
    return this.#prefix === undefined && this.#pending === undefined && this.#rest.done;
  }

  takeBuffered(): Bytes | undefined {
    if (this.#pending !== undefined) return undefined;
    if (this.#prefix === undefined) return this.#rest.takeBuffered();
    return this.#rest.done ? this.#takePrefix() : undefined;
  }

  read(): Promise<Bytes | null> {
    if (this.#prefix !== undefined) return Promise.resolve(this.#takePrefix() ?? null);
    const pending = this.#pending;
    this.#pending = undefined;
    return pending ?? this.#rest.read();
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    const isAsItWas = this.#prefix === undefined && this.#pending === undefined;
    return isAsItWas ? this.#rest.readAll(maxBytes) : gatherBody(this, maxBytes);
  }

  #takePrefix(): Uint8Array | undefined {
    const prefix = this.#prefix;
    this.#prefix = undefined;
    return prefix;
  }
}

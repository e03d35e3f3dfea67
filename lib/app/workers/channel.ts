// One end of what a worker and the process that has started it say to each other: questions with answers, both ways, and
// what is only told. In order: what was said first is heard first. When the other end is gone, no question waits.
import { faultFromWire, type FaultOnWire, faultToWire, fromLine, toLine } from "./wire.ts";

/** Nobody answers at the other end: it has ended, or is being started again. */
export class EndGone extends Error {
  override readonly name = "EndGone";
}

/** Answers a question; for what is only told, its answer is nobody's. */
export type Answer = (call: string, args: readonly unknown[]) => unknown;

type Message =
  | { readonly ask: number; readonly call: string; readonly args: readonly unknown[] }
  | { readonly tell: string; readonly args: readonly unknown[] }
  | { readonly answer: number; readonly value?: unknown; readonly fault?: FaultOnWire };

export interface ChannelOptions {
  /** Takes a whole line with its end. */
  readonly write: (line: string) => void;
  readonly answer: Answer;
  /** Hears of what fails though nobody waits for it. */
  readonly onFault: (fault: unknown) => void;
}

export class Channel {
  readonly #options: ChannelOptions;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #next = 0;
  #gone: Error | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** @throws (as a rejection) what the other end has thrown; Error if it is gone */
  ask(call: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const ask = this.#next++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(ask, waiting);
    this.#write({ ask, call, args });
    return waiting.promise;
  }

  tell(call: string, ...args: readonly unknown[]): void {
    if (this.#gone === undefined) this.#write({ tell: call, args });
  }

  /** @throws SyntaxError for what is no message */
  receive(line: string): void {
    const message = fromLine(line) as Message;
    if ("answer" in message) return this.#settle(message);
    if ("tell" in message) {
      this.#run(message.tell, message.args).catch(this.#options.onFault);
      return;
    }
    const { ask: answer } = message;
    this.#run(message.call, message.args).then(
      (value) => this.#reply({ answer, value }),
      (fault) => this.#reply({ answer, fault: faultToWire(fault) }),
    );
  }

  /** The other end is gone. */
  close(gone: Error): void {
    this.#gone ??= gone;
    for (const { reject } of this.#waiting.values()) reject(gone);
    this.#waiting.clear();
  }

  // deno-lint-ignore require-await -- what it throws at once is a rejection, too
  async #run(call: string, args: readonly unknown[]): Promise<unknown> {
    return this.#options.answer(call, args);
  }

  #settle({ answer, value, fault }: Extract<Message, { readonly answer: number }>): void {
    const waiting = this.#waiting.get(answer);
    this.#waiting.delete(answer);
    if (fault === undefined) waiting?.resolve(value);
    else waiting?.reject(faultFromWire(fault));
  }

  #reply(message: Message): void {
    if (this.#gone === undefined) this.#write(message);
  }

  #write(message: Message): void {
    this.#options.write(toLine(message) + "\n");
  }
}

/** Lines of a text that comes in pieces of bytes; the last one, if its end is missing, is none. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const piece of pieces) {
    const lines = decoder.decode(piece, { stream: true }).split("\n");
    for (const line of lines.slice(0, -1)) {
      yield rest.join("") + line;
      rest = [];
    }
    rest.push(lines.at(-1)!);
  }
}

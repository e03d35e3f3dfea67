// The access log: a line of the log for every request, when it has ended. As everywhere in the log, callers and sessions are
// hashes, and neither ids nor arguments nor addresses of resources are shown (P1).
import type { Actor, ExchangeRecord } from "../observe/exchange_record.ts";
import type { Logger } from "../observe/log.ts";
import type { Observer } from "../observe/observers.ts";
import { redactPath } from "../observe/redact.ts";
import { shortened } from "../observe/shortened.ts";
import { callerInLog } from "../session/caller.ts";

export class AccessLog implements Observer {
  readonly #log: Logger;
  /** By whom and a hash for the name, made once a principal. */
  readonly #callers = new WeakMap<Actor, string>();

  /** @param log without a budget: every request has its line */
  constructor(log: Logger) {
    this.#log = log;
  }

  readonly onExchange = (record: ExchangeRecord): void => {
    const { batch } = record;
    this.#log.info("request", {
      from: record.from,
      http: record.httpMethod,
      path: record.path === undefined ? undefined : shown(redactPath(record.path)),
      status: record.status,
      code: record.refusal,
      rule: record.rule,
      method: shown(record.method ?? (batch === undefined ? undefined : `batch of ${batch.length}`)),
      name: shown(record.name),
      rpc: record.rpcCode,
      isError: record.isError,
      cut: record.cutBy,
      caller: record.actor === undefined ? undefined : this.#callerOf(record.actor),
      session: record.session,
      upstream: record.upstream,
      member: record.member,
      rerun: record.rerun || undefined,
      in: record.bytesIn,
      out: record.bytesOut,
      ms: Math.round(record.durationMs * 100) / 100,
      lane: record.lane,
      errorId: record.errorId,
    });
  };

  #callerOf(actor: Actor): string {
    let caller = this.#callers.get(actor);
    if (caller === undefined) this.#callers.set(actor, caller = callerInLog(actor));
    return caller;
  }
}

function shown(text: string | undefined): string | undefined {
  return text === undefined ? text : shortened(text);
}

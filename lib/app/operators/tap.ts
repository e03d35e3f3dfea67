// One session, watched: what an operator sees of each of its exchanges. What was said stays unseen.
import type { Subscribe } from "../../admin/feeds.ts";
import type { TapEvent } from "../../admin/live_api.ts";
import type { ExchangeRecord } from "../../observe/exchange_record.ts";
import type { Observers } from "../../observe/observers.ts";
import { redactUrl } from "../../observe/redact.ts";
import type { SessionRegistry } from "../../session/registry.ts";

/** As long as nobody taps, nobody observes. */
export function tapOf(
  { registry, observers }: { readonly registry: SessionRegistry; readonly observers: Observers },
  hash: string,
): Subscribe | undefined {
  return [...registry.sessions()].some(({ tag }) => tag === hash) ? watchOf(observers, hash) : undefined;
}

/** The same of a session that may come. */
export function watchOf(observers: Observers, hash: string): Subscribe {
  return (feed) =>
    observers.add({
      onExchange(record) {
        if (record.session !== hash) return;
        for (const event of eventsOf(record)) feed.push(event);
      },
      onEvent({ event, session, reason }) {
        if (session !== hash || event !== "session.end") return;
        feed.push({ ended: reason ?? "ended" });
        feed.end();
      },
    });
}

/** One, or for a batch one a message. */
function eventsOf(record: ExchangeRecord): TapEvent[] {
  const { method, name, uri, httpMethod } = record;
  const items = record.batch ?? [{ method, name, uri }];
  return items.map((item) => {
    const shown = item.name ?? (item.uri === undefined ? undefined : redactUrl(item.uri));
    return {
      atMs: record.startedAtMs,
      ms: Math.round(record.durationMs * 10) / 10,
      method: item.method ?? httpMethod ?? "?",
      ...(shown === undefined ? {} : { name: shown }),
      ...(record.member === undefined ? {} : { member: record.member }),
      status: record.status,
      ...(record.rpcCode === undefined ? {} : { rpcCode: record.rpcCode }),
      ...(record.isError === undefined ? {} : { isError: record.isError }),
      ...(record.refusal === undefined ? {} : { refusal: record.refusal }),
      ...(record.cutBy === undefined ? {} : { cutBy: record.cutBy }),
      ...(record.isStream ? { stream: true } : {}),
      ...(record.revived ? { revived: true } : {}),
      ...(record.rerun ? { rerun: true } : {}),
      bytesIn: record.bytesIn,
      bytesOut: record.bytesOut,
    };
  });
}

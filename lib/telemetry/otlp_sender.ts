// Brings one signal's batches to the collector over OTLP/HTTP: bounded in time whatever the collector does, repeated only
// where OTLP says that it may be (429, 502, 503, 504, and no answer at all), as late as Retry-After wants. Never rejects,
// keeps nothing of a batch that could not be delivered, and never tells what the headers hold.
// opentelemetry.io/docs/specs/otlp, "OTLP/HTTP".
import { Pool } from "../http1/client/pool.ts";
import { type ClientResponse, HttpError } from "../http1/types.ts";
import { type EndpointUrl, parseEndpoint } from "../http1/wire/endpoint.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import { parseJson } from "../platform/json.ts";
import { gzip } from "../platform/runtime/builtin.ts";
import { Patience, Pause, type Timers } from "../platform/time/timers.ts";
import type { ExporterSettings } from "./settings.ts";

export interface SenderOptions extends Pick<ExporterSettings, "url" | "headers" | "timeoutMs" | "gzip"> {
  readonly caCerts?: readonly string[];
  readonly userAgent: string;
  readonly timers: Timers;
  /** 0 to 1, below 1: pauses of many senders come apart. */
  readonly random: () => number;
  /** Told when deliveries begin to fail, and when they work again; no more often. */
  readonly onChange: (fault: string | undefined) => void;
}

const REPEATABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** Nothing that a collector answers is longer, nor of interest beyond. */
const MAX_ANSWER_BYTES = 64 * 1024;

function compress(bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    gzip(bytes, (error, compressed) => error === null ? resolve(compressed) : reject(error))
  );
}
const encoder = new TextEncoder();

/** What became of one attempt: `repeatInMs` where another makes sense, `rejected` what of it the collector has not taken. */
type Attempt = { readonly fault: string | undefined; readonly repeatInMs?: number; readonly rejected?: number };

export class OtlpSender {
  readonly #options: SenderOptions;
  readonly #address: EndpointUrl;
  readonly #pool: Pool;
  #failing = false;
  #closed = false;
  /** Ends the pause before an attempt. */
  readonly #pause: Pause;

  /** @throws TypeError on a URL that names no endpoint */
  constructor(options: SenderOptions) {
    this.#options = options;
    this.#pause = new Pause(options.timers);
    this.#address = parseEndpoint(options.url);
    const { endpoint } = this.#address;
    const { caCerts, timeoutMs } = options;
    this.#pool = new Pool(
      endpoint.transport === "tls" && caCerts !== undefined ? { ...endpoint, caCerts } : endpoint,
      { limits: { connectTimeoutMs: timeoutMs, responseTimeoutMs: timeoutMs, bodyTimeoutMs: timeoutMs } },
    );
  }

  /** @returns how much of it the collector has not taken: a number of items, or Infinity for all */
  async send(json: string | Uint8Array<ArrayBuffer>): Promise<number> {
    const { timers, timeoutMs, random } = this.#options;
    const patience = new Patience(timeoutMs, timers);
    const bytes = typeof json === "string" ? encoder.encode(json) : json;
    const body = this.#options.gzip ? new Uint8Array(await compress(bytes)) : bytes;
    for (let attempt = 0;; attempt++) {
      const { fault, repeatInMs, rejected } = await this.#attempt(body, Math.max(1, patience.leftMs));
      if (fault === undefined || rejected !== undefined) {
        this.#tell(fault);
        return rejected ?? 0;
      }
      const growing = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + random() / 2);
      const waitMs = repeatInMs === undefined ? Infinity : Math.max(repeatInMs, growing);
      if (this.#closed || waitMs >= patience.leftMs) return this.#giveUp(fault);
      await this.#pause.wait(waitMs);
      if (this.#closed) return this.#giveUp(fault);
    }
  }

  /** What is under way fails; nothing is sent again. */
  close(): void {
    this.#closed = true;
    this.#pause.close();
    this.#pool.close();
  }

  #giveUp(fault: string): number {
    this.#tell(fault);
    return Infinity;
  }

  async #attempt(body: Uint8Array, leftMs: number): Promise<Attempt> {
    const call = this.#pool.send({
      method: "POST",
      target: this.#address.target,
      fields: this.#fields(),
      body,
    });
    const stop = this.#options.timers.after(leftMs, () => call.abort());
    let response: ClientResponse | undefined;
    try {
      response = await call.response;
      const answer = await response.body.readAll(MAX_ANSWER_BYTES).catch(() => undefined);
      return judge(response, answer);
    } catch (error) {
      const code = error instanceof HttpError ? (error.code === "aborted" ? "timeout" : error.code) : "failed";
      return { fault: code, repeatInMs: 0 };
    } finally {
      stop();
      response?.release();
    }
  }

  #fields(): string[] {
    const { headers, userAgent } = this.#options;
    const fields = ["host", this.#address.authority, "content-type", "application/json"];
    if (this.#options.gzip) fields.push("content-encoding", "gzip");
    if (!headers.has("user-agent")) fields.push("user-agent", userAgent);
    for (const [name, value] of headers) fields.push(name, value);
    return fields;
  }

  #tell(fault: string | undefined): void {
    const failing = fault !== undefined;
    if (failing === this.#failing || this.#closed) return;
    this.#failing = failing;
    this.#options.onChange(fault);
  }
}

function judge({ head: { status, fields } }: ClientResponse, answer: Uint8Array | undefined): Attempt {
  if (status >= 200 && status < 300) return answer === undefined ? { fault: undefined } : judgeTaken(answer);
  const fault = `status ${status}`;
  if (!REPEATABLE.has(status)) return { fault };
  const seconds = Number(fieldValue(fields, "retry-after") ?? "0");
  return { fault, repeatInMs: Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : 0 };
}

const REJECTED = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"] as const;
const MAX_MESSAGE = 128;

/** "Partial Success": what is rejected must not be sent again. 64-bit integers are text in OTLP/JSON, or numbers. */
function judgeTaken(answer: Uint8Array): Attempt {
  let partial: Readonly<Record<string, unknown>> | undefined;
  try {
    partial = parseJson(new TextDecoder().decode(answer))?.partialSuccess;
  } catch {
    // An answer that is none is no reason to doubt the status.
  }
  const rejected = Math.max(0, ...REJECTED.map((name) => Number(partial?.[name] ?? 0)).filter(Number.isFinite));
  if (rejected === 0) return { fault: undefined };
  const { errorMessage = "" } = partial!;
  const said = typeof errorMessage === "string" && errorMessage !== "" ? `: ${errorMessage.slice(0, MAX_MESSAGE)}` : "";
  return { fault: `${rejected} rejected${said}`, rejected };
}

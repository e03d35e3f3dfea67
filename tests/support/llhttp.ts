// llhttp, Node's HTTP parser, as undici ships it (WebAssembly): the trusted parser of the differential tests.
// Strict mode, as llhttp comes: no lenient flag is set.
import { Buffer } from "node:buffer";
import wasm from "undici/lib/llhttp/llhttp-wasm.js";

/** One message as llhttp understood it; strings are latin1. */
export interface TrustedMessage {
  method: string;
  target: string;
  status: number;
  minorVersion: number;
  /** `[name, value, …]`, names lower-cased, values trimmed at the end (llhttp leaves that to its user). */
  fields: string[];
  body: Uint8Array;
  keepAlive: boolean;
}

export interface TrustedResult {
  /** The first message, if llhttp accepted it to its end. */
  readonly message?: TrustedMessage;
  /** How many bytes it took. */
  readonly consumed?: number;
  /** llhttp's reason, if it refused; `incomplete` if it wants more bytes. */
  readonly refused?: string;
}

interface Exports {
  memory: WebAssembly.Memory;
  malloc(size: number): number;
  free(pointer: number): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_get_status_code(parser: number): number;
  llhttp_method_name(method: number): number;
  llhttp_should_keep_alive(parser: number): number;
  _initialize(): void;
}

const REQUEST = 1;
const RESPONSE = 2;
/** Returned by a callback: stop here. Returned by execute: stopped there. */
const PAUSED = 21;
const PAUSED_UPGRADE = 22;
/** Returned by on_headers_complete: the answer to HEAD, no body follows. */
const SKIP_BODY = 1;

let current: Collector | undefined;

/** What the callbacks of one run gather. */
class Collector {
  method = "";
  target = "";
  status = 0;
  minorVersion = -1;
  fields: string[] = [];
  readonly #body: Uint8Array[] = [];
  headDone = false;
  complete = false;
  keepAlive = false;
  readonly #skipBody: boolean;
  #inValue = true;

  constructor(skipBody: boolean) {
    this.#skipBody = skipBody;
  }

  get body(): Uint8Array {
    return Buffer.concat(this.#body);
  }

  addName(text: string): void {
    if (this.headDone) return;
    if (this.#inValue) this.fields.push("", "");
    this.#inValue = false;
    this.fields[this.fields.length - 2] += text;
  }

  addValue(text: string): void {
    if (this.headDone) return;
    this.#inValue = true;
    this.fields[this.fields.length - 1] += text;
  }

  addBody(bytes: Uint8Array): void {
    this.#body.push(bytes);
  }

  endHead(parser: number): number {
    this.headDone = true;
    this.minorVersion = llhttp.llhttp_get_http_minor(parser);
    this.status = llhttp.llhttp_get_status_code(parser);
    this.method = cString(llhttp.llhttp_method_name(llhttp.llhttp_get_method(parser)));
    return this.#skipBody ? SKIP_BODY : 0;
  }

  end(parser: number): number {
    this.complete = true;
    this.keepAlive = llhttp.llhttp_should_keep_alive(parser) === 1;
    return PAUSED;
  }
}

function view(pointer: number, length: number): Buffer {
  return Buffer.from(llhttp.memory.buffer, pointer, length);
}

function cString(pointer: number): string {
  const bytes = new Uint8Array(llhttp.memory.buffer, pointer);
  return view(pointer, bytes.indexOf(0)).toString("latin1");
}

function text(take: (text: string) => void): (parser: number, at: number, length: number) => number {
  return (_parser, at, length) => {
    take(view(at, length).toString("latin1"));
    return 0;
  };
}

const llhttp = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
  env: {
    wasm_on_message_begin: () => 0,
    wasm_on_url: text((part) => current!.target += part),
    wasm_on_status: () => 0,
    wasm_on_header_field: text((part) => current!.addName(part)),
    wasm_on_header_value: text((part) => current!.addValue(part)),
    wasm_on_headers_complete: (parser: number) => current!.endHead(parser),
    wasm_on_body: (_parser: number, at: number, length: number) => {
      current!.addBody(new Uint8Array(view(at, length)));
      return 0;
    },
    wasm_on_message_complete: (parser: number) => current!.end(parser),
  },
}).exports as unknown as Exports;
llhttp._initialize();

/** Reads the first request of `bytes`. */
export function trustedRequest(bytes: Uint8Array): TrustedResult {
  return run(REQUEST, bytes, new Collector(false));
}

/** Reads the first response of `bytes`, which is all the connection carried: its end ends an unframed body. */
export function trustedResponse(bytes: Uint8Array, requestMethod: string): TrustedResult {
  return run(RESPONSE, bytes, new Collector(requestMethod === "HEAD"));
}

function run(type: number, bytes: Uint8Array, collector: Collector): TrustedResult {
  const parser = llhttp.llhttp_alloc(type);
  const data = llhttp.malloc(bytes.length + 1);
  new Uint8Array(llhttp.memory.buffer, data, bytes.length).set(bytes);
  current = collector;
  try {
    const code = llhttp.llhttp_execute(parser, data, bytes.length);
    if (code !== 0 && !((code === PAUSED || code === PAUSED_UPGRADE) && collector.complete)) {
      return { refused: cString(llhttp.llhttp_get_error_reason(parser)) };
    }
    let consumed = bytes.length;
    if (collector.complete) consumed = llhttp.llhttp_get_error_pos(parser) - data;
    else llhttp.llhttp_finish(parser);
    return collector.complete ? { message: toMessage(collector), consumed } : { refused: "incomplete" };
  } finally {
    current = undefined;
    llhttp.free(data);
    llhttp.llhttp_free(parser);
  }
}

function toMessage(collector: Collector): TrustedMessage {
  const fields = collector.fields.map((part, i) => i % 2 === 0 ? part.toLowerCase() : part.replace(/[ \t]+$/, ""));
  const { method, target, status, minorVersion, body, keepAlive } = collector;
  return { method, target, status, minorVersion, fields, body, keepAlive };
}

// A real browser for one test: Debian's chromium without a window, driven through the DevTools protocol over a WebSocket.
// Whatever the page complains of is kept: exceptions, console errors, violations of its policy, failed requests.
import { endOverdue } from "./overdue.ts";
import { needing } from "./programs.ts";
import { PATIENCE_MS, until } from "./until.ts";

const PROGRAM = "chromium";

/** Options for `Deno.test`. */
export const WITH_BROWSER = await needing([PROGRAM], "the operators' page in a browser");

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"],
  // A name that somebody else owns and has led here: DNS rebinding.
  ...[`--host-resolver-rules=MAP rebound.example 127.0.0.1`],
  ...["--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", "--remote-debugging-port=0", "about:blank"],
];

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #stderr: Promise<void>;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #pages = new Map<string, Page>();
  #id = 0;

  private constructor(
    started: { process: Deno.ChildProcess; profile: string; stderr: Promise<void> },
    socket: WebSocket,
  ) {
    this.#process = started.process;
    this.#profile = started.profile;
    this.#stderr = started.stderr;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  static async start(): Promise<Chromium> {
    const profile = await Deno.makeTempDir({ prefix: "signet-chromium-" });
    const process = new Deno.Command(PROGRAM, {
      args: [`--user-data-dir=${profile}`, ...FLAGS],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    endOverdue(process, PROGRAM);
    let said = "";
    const stderr = (async () => {
      for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) said += text;
    })();
    await until(() => /ws:\S+/.test(said), () => `chromium said where it listens: ${said}`);
    const socket = new WebSocket(/ws:\S+/.exec(said)![0]);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Chromium({ process, profile, stderr }, socket);
  }

  async page(url: string, view: View = {}): Promise<Page> {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId as string);
    this.#pages.set(sessionId as string, page);
    await page.open(url, view);
    return page;
  }

  async send(
    method: string,
    params: Record<string, unknown> = {},
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`waited in vain: chromium answered ${method}`)), PATIENCE_MS);
    try {
      return await Promise.race([answer.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #hear({ id, method, sessionId, params, result, error }: Message): void {
    if (id === undefined) return this.#pages.get(sessionId ?? "")?.hear(method ?? "", params ?? {});
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new Error(`asking chromium: ${error.message}`));
    else waiting?.resolve(result ?? {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    await this.send("Browser.close").catch(() => {});
    await closed;
    await this.#process.status;
    await this.#stderr;
    await Deno.remove(this.#profile, { recursive: true });
  }
}

export interface View {
  /** Default 1280 × 900. */
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

export class Page {
  /** What the page complained of. */
  readonly complaints: string[] = [];
  readonly #chromium: Chromium;
  readonly #sessionId: string;

  constructor(chromium: Chromium, sessionId: string) {
    this.#chromium = chromium;
    this.#sessionId = sessionId;
  }

  hear(method: string, params: Record<string, unknown>): void {
    const text = JSON.stringify(params).slice(0, 600);
    if (method === "Runtime.exceptionThrown") this.complaints.push(`exception: ${text}`);
    if (method === "Runtime.consoleAPICalled" && (params.type === "error" || params.type === "warning")) {
      this.complaints.push(`console: ${text}`);
    }
    if (method === "Log.entryAdded" && (params.entry as { level: string }).level === "error") {
      this.complaints.push(`log: ${text}`);
    }
    if (method === "Audits.issueAdded") this.complaints.push(`issue: ${text}`);
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    return this.#chromium.send(method, params, this.#sessionId);
  }

  async open(url: string, view: View): Promise<void> {
    for (const domain of ["Page", "Runtime", "Log", "Audits"]) await this.send(`${domain}.enable`);
    await this.show(view);
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'", `${url} was loaded`);
  }

  async show({ width = 1280, height = 900, dark = false }: View): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.send("Emulation.setDeviceMetricsOverride", metrics);
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await this.send("Emulation.setEmulatedMedia", { features });
  }

  /** The value of an expression in the page; a promise is awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", asked) as {
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    };
    if (exceptionDetails !== undefined) {
      throw new Error(`evaluating ${expression}: ${exceptionDetails.exception?.description}`);
    }
    return result.value;
  }

  async until(expression: string, what: string): Promise<void> {
    await until(async () => await this.evaluate<boolean>(`Boolean(${expression})`), what);
  }

  text(selector: string): Promise<string> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? "(absent)"`);
  }

  /** As a person would: in the middle of it, by the mouse. */
  async click(selector: string): Promise<void> {
    const { x, y } = await this.evaluate<{ x: number; y: number }>(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView({ block: "center" });
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    }
  }

  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  async press(key: string): Promise<void> {
    const code = { Enter: 13, Tab: 9, Escape: 27 }[key] ?? 0;
    const about = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" ? { text: "\r" } : {}) };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...about });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, code: key });
  }

  async screenshot(path: string, options: { readonly whole?: boolean } = {}): Promise<void> {
    const asked = { format: "png", captureBeyondViewport: options.whole ?? false };
    const { data } = await this.send("Page.captureScreenshot", asked);
    await Deno.writeFile(path, Uint8Array.fromBase64(data as string));
  }
}

// The file in which the fixture servers' tools write each execution before anything else: what ran, and how often, even
// when the process that ran it is dead.

export class Journal implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Journal> {
    return new Journal(await Deno.makeTempFile({ prefix: "signet-journal-" }));
  }

  /** Every execution in order, by the key its caller gave. */
  async executions(): Promise<string[]> {
    return (await Deno.readTextFile(this.path)).split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path);
  }
}

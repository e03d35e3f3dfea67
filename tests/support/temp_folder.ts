// A folder of a test's own: `await using folder = await TempFolder.create()`. It goes with all that is in it when the test
// ends, however it ends.

export class TempFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TempFolder> {
    return new TempFolder(await Deno.makeTempDir({ prefix: "signet-test-" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A test may have made it unreadable.
    await Deno.chmod(this.path, 0o700);
    await Deno.remove(this.path, { recursive: true });
  }
}

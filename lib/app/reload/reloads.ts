// How reloads went: a configuration that was refused stays out of force, and nobody might notice but by these numbers.

export class Reloads {
  ok = 0;
  failed = 0;
  lastFailed = false;
  /** When the settings in force were read, in ms since the epoch. */
  lastOkMs: number;

  constructor(startedAtMs: number) {
    this.lastOkMs = startedAtMs;
  }

  /** @throws whatever `reload` throws, counted */
  async count<T>(now: () => number, reload: () => Promise<T>): Promise<T> {
    try {
      const outcome = await reload();
      this.ok++;
      this.lastFailed = false;
      this.lastOkMs = now();
      return outcome;
    } catch (error) {
      this.failed++;
      this.lastFailed = true;
      throw error;
    }
  }
}

// This process's environment for a Signet that it starts, which takes every SIGNET_… for a setting.

export function withoutSettings(): Record<string, string> {
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("SIGNET_")));
}

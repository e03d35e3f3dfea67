// Ids of server-sent events, which a server may write as it likes, and whoever resumes sends back in a field.

/** Whether an event id can stand in a field, and is worth keeping. */
export function isSendable(id: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?$/.test(id);
}

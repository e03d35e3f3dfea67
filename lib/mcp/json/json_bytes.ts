// A value as the bytes of its JSON text.

const encoder = new TextEncoder();

export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(value));
}

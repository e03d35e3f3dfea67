// Little-endian words among bytes, whatever the alignment of those and the byte order of the machine.

export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** @param word its lowest 32 bits are stored */
export function storeWord(word: number, bytes: Uint8Array, at: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

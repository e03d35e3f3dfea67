// Which of a cluster's 16,384 slots a key is in (Redis Cluster specification, "Key distribution model"): CRC-16/XMODEM of the
// key, or of what stands between its first pair of braces, if anything does.

const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;

export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of new TextEncoder().encode(hashedPart(key))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  }
  return (crc & 0xffff) % SLOTS;
}

function hashedPart(key: string): string {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

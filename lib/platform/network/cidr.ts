// Lists of address ranges, for peers that may vouch for others (docs/behaviour.md I1). RFC 4632, RFC 4291 §2.2 and
// §2.5.5.2. An IPv4-mapped IPv6 address is the IPv4 address: a dual-stack listener shows IPv4 peers that way.
import { isIP } from "../runtime/builtin.ts";

/** An address as 16 bytes; IPv4 as ::ffff:a.b.c.d. */
type AddressBytes = Uint8Array;

interface Range {
  readonly bytes: AddressBytes;
  /** Of 128 bits. */
  readonly prefix: number;
}

const MAPPED_BITS = 96;
const MAPPED_PREFIX: AddressBytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);

/** @returns undefined for text that is no address; zones (`%eth0`) are none here */
function parseAddress(text: string): AddressBytes | undefined {
  const version = text.includes("%") ? 0 : isIP(text);
  if (version === 0) return undefined;
  const bytes = new Uint8Array(16);
  if (version === 4) {
    bytes.set(MAPPED_PREFIX);
    bytes.set(text.split(".").map(Number), 12);
    return bytes;
  }
  // A dotted tail is two groups more.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = dotted === null ? text : dotted[1] +
    ((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16) + ":" +
    ((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16);
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  for (const [i, group] of all.entries()) {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  }
  return bytes;
}

/** The same text for every spelling of an address; undefined for what is none. A zone is not looked at. */
export function addressName(address: string): string | undefined {
  const zone = address.indexOf("%");
  return parseAddress(zone < 0 ? address : address.slice(0, zone))?.toHex();
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. @returns undefined if it is none */
function parseRange(text: string): Range | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const bytes = parseAddress(address);
  if (bytes === undefined) return undefined;
  const bits = isIP(address) === 4 ? 32 : 128;
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > bits) return undefined;
  return { bytes, prefix: Number(digits) + 128 - bits };
}

function sharesPrefix(one: AddressBytes, other: AddressBytes, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (one[i] !== other[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((one[whole]! ^ other[whole]!) >> (8 - rest)) === 0;
}

/** What is wrong with a range, for `signet check`; undefined if nothing is. */
export function cidrProblem(text: string): string | undefined {
  return parseRange(text) === undefined ? "not an IP address or CIDR range such as 10.0.0.0/8 or fd00::/8" : undefined;
}

export class CidrList {
  readonly #ranges: readonly Range[];

  /** @throws TypeError on an entry {@link cidrProblem} finds fault with */
  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map((text) => {
      const range = parseRange(text);
      if (range === undefined) throw new TypeError(`reading CIDR range "${text}": ${cidrProblem(text)}`);
      return range;
    });
  }

  /** @param address without a port; an IPv6 zone is not looked at. What is no address is in no list. */
  contains(address: string): boolean {
    const zone = address.indexOf("%");
    const bytes = parseAddress(zone < 0 ? address : address.slice(0, zone));
    if (bytes === undefined) return false;
    // `::/0` means every IPv6 peer, not every IPv4 peer as well: a short range never reaches into the mapped block.
    const mapped = sharesPrefix(bytes, MAPPED_PREFIX, MAPPED_BITS);
    return this.#ranges.some((range) =>
      (!mapped || range.prefix >= MAPPED_BITS) && sharesPrefix(bytes, range.bytes, range.prefix)
    );
  }
}

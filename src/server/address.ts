/**
 * Internet addresses as bytes, ranges of them, and who counts as one peer.
 * @module
 */

/** How many bits stand before an IPv4 address that is written as an IPv6 one. */
const MAPPED_BITS = 96;

/** A range of addresses, as CIDR notation has it. */
export interface AddressRange {
  /** An address in it, as 16 bytes. */
  readonly bytes: Uint8Array;
  /** How many leading bits of it count. */
  readonly bits: number;
}

/**
 * Reads an address.
 *
 * @param text IPv4 in four decimal numbers, or IPv6 without brackets; a zone (`%eth0`) is left out.
 * @returns 16 bytes, IPv4 as `::ffff:a.b.c.d`; `null` when it is no address.
 */
export function parseAddress(text: string): Uint8Array | null {
  const bytes = new Uint8Array(16);
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (v4 !== null) {
    bytes.fill(0xff, 10, 12);
    for (let i = 1; i <= 4; i++) {
      const number = Number(v4[i]);
      // "010" is eight to some and ten to others: an address that two may read differently is none.
      if (number > 255 || String(number) !== v4[i]) return null;
      bytes[11 + i] = number;
    }
    return bytes;
  }
  const plain = text.length <= 80
    ? /^([0-9a-f:.]{2,45})(?:%[\w.~-]+)?$/i.exec(text)?.[1]
    : undefined;
  if (plain === undefined || !plain.includes(":")) return null;
  if (!URL.canParse(`http://[${plain}]/`)) return null;
  // A URL writes it in its shortest form, without dots: at most one "::".
  const [head, tail] = new URL(`http://[${plain}]/`).hostname.slice(1, -1).split("::");
  const words = (part: string | undefined) =>
    part ? part.split(":").map((word) => parseInt(word, 16)) : [];
  const first = words(head);
  const last = words(tail);
  [...first, ...Array(8 - first.length - last.length).fill(0), ...last].forEach((word, i) => {
    bytes[2 * i] = word >> 8;
    bytes[2 * i + 1] = word & 255;
  });
  return bytes;
}

/**
 * Reads a range.
 *
 * @param text An address, or a range such as `10.0.0.0/8` or `fd00::/8`.
 * @throws {TypeError} If it is neither.
 */
export function parseRange(text: string): AddressRange {
  const [, address, length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = address === undefined ? null : parseAddress(address);
  const v4 = bytes !== null && !address.includes(":");
  const bits = length === undefined ? 128 : Number(length) + (v4 ? MAPPED_BITS : 0);
  if (bytes === null || bits > 128) {
    throw new TypeError(
      `Cannot use address range ${JSON.stringify(text)}: expected an address or a CIDR range`,
    );
  }
  return { bytes, bits };
}

/** Tells whether an address is in a range. */
export function isInRange(address: Uint8Array, { bytes, bits }: AddressRange): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole] ^ bytes[whole]) >> (8 - rest) === 0;
}

/**
 * Names the peer that an address belongs to: an IPv4 address is one peer, and so is a whole IPv6 /64,
 * of which whoever has one address usually has all.
 *
 * @param address The address; `undefined` and what is none are one peer too.
 */
export function peerOf(address: string | undefined): string {
  const bytes = address === undefined ? null : parseAddress(address);
  if (bytes === null) return "unknown";
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255) {
    return bytes.subarray(12).join(".");
  }
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

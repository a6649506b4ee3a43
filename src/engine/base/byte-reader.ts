// A bounds-checked cursor over bytes. It never copies: what it hands out are views into the same memory.
// A length read from the bytes is compared with what remains before anything is allocated for it.

import { EngineError } from './errors.ts';

export class ByteReader {
  readonly bytes: Buffer;
  /** Position of the next byte, relative to the start of `bytes`. */
  position: number;
  /** What is being read, named in errors: "L0 footer of level_zero/…". */
  readonly what: string;

  constructor(bytes: Uint8Array, what: string, position = 0) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.position = position;
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  /** Throws when fewer than `count` bytes remain, or when count is negative. */
  need(count: number): void {
    if (count < 0 || count > this.remaining) throw this.corrupt(`needs ${count} bytes, ${this.remaining} remain`);
  }

  corrupt(problem: string): EngineError {
    return new EngineError('corrupt-object', `${this.what}: ${problem} (at byte ${this.position})`, {
      context: { position: this.position, length: this.bytes.length },
    });
  }

  u8(): number {
    this.need(1);
    return this.bytes[this.position++] as number;
  }

  i8(): number {
    this.need(1);
    return this.bytes.readInt8(this.position++);
  }

  /** One byte of format version, which must be the one that is known. Throws `unsupported-format`. */
  version(known: number): void {
    const found = this.u8();
    if (found === known) return;
    throw new EngineError(
      'unsupported-format',
      `${this.what} has format version ${found}; this program knows ${known}`,
    );
  }

  u16(): number {
    this.need(2);
    const value = this.bytes.readUInt16BE(this.position);
    this.position += 2;
    return value;
  }

  i16(): number {
    this.need(2);
    const value = this.bytes.readInt16BE(this.position);
    this.position += 2;
    return value;
  }

  u32(): number {
    this.need(4);
    const value = this.bytes.readUInt32BE(this.position);
    this.position += 4;
    return value;
  }

  i32(): number {
    this.need(4);
    const value = this.bytes.readInt32BE(this.position);
    this.position += 4;
    return value;
  }

  /** A signed 64-bit integer that must fit a safe integer. */
  i64(): number {
    this.need(8);
    const high = this.bytes.readInt32BE(this.position);
    const low = this.bytes.readUInt32BE(this.position + 4);
    const value = high * 0x1_0000_0000 + low;
    if (!Number.isSafeInteger(value)) throw this.corrupt('a 64-bit number is outside ±2^53');
    this.position += 8;
    return value;
  }

  f64(): number {
    this.need(8);
    const value = this.bytes.readDoubleBE(this.position);
    this.position += 8;
    return value;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  uvarint(): number {
    const first = this.bytes[this.position];
    if (first !== undefined && first < 0x80) {
      this.position++;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.corrupt('a varint is longer than 32 bits');
  }

  /** ZigZag varint of at most 32 bits. */
  varint(): number {
    const raw = this.uvarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** ZigZag varint of at most 64 bits that must fit a safe integer. */
  varlong(): number {
    let raw = 0;
    let factor = 1;
    // Seven bytes are 49 bits: exact as a number. Longer ones are rare and go through bigint.
    for (let count = 0; count < 7; count++) {
      const byte = this.u8();
      raw += (byte & 0x7f) * factor;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      factor *= 128;
    }
    let wide = BigInt(raw);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      wide += BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const value = Number(wide & 1n ? -(wide + 1n) / 2n : wide / 2n);
      if (Number.isSafeInteger(value)) return value;
      break;
    }
    throw this.corrupt('a varlong is outside ±2^53');
  }

  /** A view of the next `length` bytes; no copy. */
  view(length: number): Buffer {
    this.need(length);
    const view = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return view;
  }

  text(length: number): string {
    this.need(length);
    const text = this.bytes.toString('utf8', this.position, this.position + length);
    this.position += length;
    return text;
  }

  /** 16 bytes as dashed lower-case UUID text. */
  uuid(): string {
    this.need(16);
    const hex = this.bytes.toString('hex', this.position, this.position + 16);
    this.position += 16;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

// A growing big-endian writer. Large foreign bytes can be linked in instead of copied: `finish` then returns several parts
// for a gathered write.

import { EngineError } from './errors.ts';

/** Views at least this long are linked, not copied, by `link`. */
const linkBytesMin = 1024;
/** Below this, twice a number is exact. */
const exactDoubleMax = 2 ** 52;

export class ByteWriter {
  #buffer: Buffer;
  #start = 0;
  #position = 0;
  #parts: Buffer[] = [];
  #linkedBytes = 0;

  constructor(sizeHint = 256) {
    this.#buffer = Buffer.allocUnsafe(Math.max(sizeHint, 16));
  }

  /** Bytes written so far, linked ones included. */
  get length(): number {
    return this.#linkedBytes + this.#position - this.#start;
  }

  #reserve(count: number): number {
    const at = this.#position;
    if (at + count > this.#buffer.length) {
      const pending = this.#buffer.subarray(this.#start, at);
      const grown = Buffer.allocUnsafe(Math.max((pending.length + count) * 2, 256));
      pending.copy(grown);
      this.#buffer = grown;
      this.#start = 0;
      this.#position = pending.length + count;
      return pending.length;
    }
    this.#position = at + count;
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  i8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  i16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  i32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  i64(value: number): this {
    if (!Number.isSafeInteger(value)) throw new EngineError('bug', `not a safe integer: ${value}`);
    const at = this.#reserve(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#buffer.writeInt32BE(high, at);
    this.#buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
    return this;
  }

  f64(value: number): this {
    const at = this.#reserve(8);
    this.#buffer.writeDoubleBE(value, at);
    return this;
  }

  uvarint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  varint(value: number): this {
    return this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  varlong(value: number): this {
    if (Math.abs(value) < exactDoubleMax) return this.uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
    let rest = value >= 0 ? BigInt(value) * 2n : BigInt(value) * -2n - 1n;
    for (; rest >= 0x80n; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    return this.u8(Number(rest));
  }

  /** Copies `bytes` in. */
  copy(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** Adds `bytes` without copying when they are long; they must not change until the parts were used. */
  link(bytes: Buffer): this {
    if (bytes.length < linkBytesMin) return this.copy(bytes);
    if (this.#position > this.#start) this.#parts.push(this.#buffer.subarray(this.#start, this.#position));
    this.#linkedBytes += this.#position - this.#start + bytes.length;
    this.#parts.push(bytes);
    this.#start = this.#position;
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    const at = this.#reserve(length);
    this.#buffer.write(value, at);
    return this;
  }

  uuid(value: string): this {
    const hex = value.replaceAll('-', '');
    if (hex.length !== 32) throw new EngineError('bug', `not a UUID: ${value}`);
    const at = this.#reserve(16);
    this.#buffer.write(hex, at, 'hex');
    return this;
  }

  /** The parts in order, for a gathered write. The writer must not be used afterwards. */
  parts(): Buffer[] {
    if (this.#position > this.#start) this.#parts.push(this.#buffer.subarray(this.#start, this.#position));
    this.#linkedBytes += this.#position - this.#start;
    this.#start = this.#position;
    return this.#parts;
  }

  /** Everything as one buffer; copies only when something was linked. */
  bytes(): Buffer {
    const parts = this.parts();
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
}

// Looks at a block's payload once, from end to end, so that later reads need no checks. A checksum has been compared before; this is
// for what a checksum lets through, and for mistakes of a writer.
//
// Accepted is only what a builder could have written: lengths inside the payload, restart points at entries whose keys are whole
// and at most 256 entries apart, entries in order, keys of 1 to 4096 bytes, sequences of at most 53 bits. Anything else is
// `corrupt-object`.

import { keyBytesMax } from '../core/row.ts';
import { Block, type WalkedBlock } from './block.ts';
import { payloadTailBytes, restartIntervalMax } from './block-builder.ts';
import { damage, type ObjectRange } from './object-damage.ts';

/** The payload as a block. It must not change afterwards. Throws `corrupt-object` that names the range. */
export function openBlock(payload: Buffer, range: ObjectRange): Block {
  const wrong = (problem: string) => damage('block', range, problem);
  if (payload.length < payloadTailBytes + 4) throw wrong('is too short');
  const tailAt = payload.length - payloadTailBytes;
  const restartCount = payload.readUInt32BE(tailAt);
  const sequenceBase = payload.readUInt32BE(tailAt + 4) * 0x1_0000_0000 + payload.readUInt32BE(tailAt + 8);
  if (restartCount === 0 || restartCount * 4 > tailAt || !Number.isSafeInteger(sequenceBase))
    throw wrong(`cannot have ${restartCount} restart points from sequence ${sequenceBase}`);
  const walk = new BlockWalk(payload, tailAt - 4 * restartCount, restartCount, sequenceBase);
  const problem = walk.problem();
  if (problem !== undefined) throw wrong(`${problem} (at byte ${walk.entryAt} of ${payload.length} uncompressed)`);
  return new Block(payload, tailAt - 4 * restartCount, restartCount, sequenceBase, walk);
}

/** The key of the entry before, while a block is looked at; only inside one call of `problem`, which calls nobody. */
const previousKey = new Uint8Array(keyBytesMax);
const valueBytesLimit = 0x0fff_ffff;

/** Looks at every entry. What `Block` and its cursor rely on is checked here and nowhere else. */
class BlockWalk implements WalkedBlock {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #restartCount: number;
  readonly #sequenceBase: number;
  #position = 0;
  entryAt = 0;
  entries = 0;
  firstKeyAt = 0;
  commonBytes = 0;

  constructor(bytes: Buffer, end: number, restartCount: number, sequenceBase: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.#restartCount = restartCount;
    this.#sequenceBase = sequenceBase;
  }

  problem(): string | undefined {
    let firstLength = 0;
    let keyLength = 0;
    let sequence = 0;
    let restart = 0;
    let restartAt = this.#bytes.readUInt32BE(this.#end);
    let sinceRestart = 0;
    while (this.#position < this.#end) {
      this.entryAt = this.#position;
      const atRestart = this.entryAt === restartAt;
      const shared = this.#length(2);
      const added = this.#length(2);
      const valueTag = this.#length(4);
      const nextSequence = this.#sequence();
      if (nextSequence < 0) return 'a varint is out of its bounds';
      if (valueTag > valueBytesLimit) return 'a value is too long';
      const valueBytes = valueTag === 0 ? 0 : valueTag - 1;
      if (shared > keyLength || shared + added === 0 || shared + added > keyBytesMax) return 'a key has a wrong length';
      if (added + valueBytes > this.#end - this.#position) return 'an entry is longer than the block';
      if (atRestart ? shared !== 0 || this.#bytes[this.entryAt] !== 0 : this.entries === 0)
        return 'a restart point is not at a whole key';
      if (this.entries === 0) {
        this.firstKeyAt = this.#position;
        firstLength = added;
      }
      const order = this.#compare(keyLength, shared, added);
      if (this.entries > 0 && (order < 0 || (order === 0 && nextSequence >= sequence)))
        return 'entries are out of order';
      sequence = nextSequence;
      keyLength = shared + added;
      this.#position += added + valueBytes;
      this.entries++;
      if (!atRestart) {
        sinceRestart++;
        if (sinceRestart >= restartIntervalMax) return 'restart points are too far apart';
        continue;
      }
      sinceRestart = 0;
      restart++;
      restartAt = restart < this.#restartCount ? this.#bytes.readUInt32BE(this.#end + 4 * restart) : -1;
    }
    if (this.entries === 0) return 'has no entries';
    this.commonBytes = this.#commonWithFirst(Math.min(firstLength, keyLength));
    return restart === this.#restartCount ? undefined : 'a restart point is not at an entry';
  }

  /** Keys are in order, so what the first and the last have in common, all have. */
  #commonWithFirst(bytesMax: number): number {
    let common = 0;
    while (common < bytesMax && this.#bytes[this.firstKeyAt + common] === previousKey[common]) common++;
    return common;
  }

  /** Takes the key at #position over into previousKey. Above 0: it is greater than the one before; 0: the same. */
  #compare(previousLength: number, shared: number, added: number): number {
    const bytes = this.#bytes;
    const start = this.#position - shared;
    const length = shared + added;
    let at = shared;
    while (at < length && at < previousLength && bytes[start + at] === previousKey[at]) at++;
    const order =
      at < length && at < previousLength
        ? (bytes[start + at] as number) - (previousKey[at] as number)
        : length - previousLength;
    for (; at < length; at++) previousKey[at] = bytes[start + at] as number;
    return order;
  }

  /** A varint of at most that many bytes; too large for any length where it is longer. */
  #length(bytesMax: number): number {
    let value = 0;
    for (let shift = 0; shift < 7 * bytesMax; shift += 7) {
      if (this.#position >= this.#end) break;
      const byte = this.#bytes[this.#position++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return valueBytesLimit + 1;
  }

  /** Negative where the varint is too long or leads out of the sequences there can be. */
  #sequence(): number {
    let distance = 0;
    let sign = 1;
    let factor = 1;
    for (let count = 0; count < 8; count++) {
      if (this.#position >= this.#end) return -1;
      const byte = this.#bytes[this.#position++] as number;
      if (count === 0) {
        sign = (byte & 1) === 0 ? 1 : -1;
        distance = (byte & 0x7f) >>> 1;
        factor = 64;
      } else {
        distance += (byte & 0x7f) * factor;
        factor *= 128;
      }
      if (byte < 0x80) {
        const sequence = this.#sequenceBase + sign * distance;
        return Number.isSafeInteger(distance) && Number.isSafeInteger(sequence) ? sequence : -1;
      }
    }
    return -1;
  }
}

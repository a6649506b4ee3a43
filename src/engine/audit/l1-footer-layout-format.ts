// The end of an L1 object, field by field as it lies, for who looks at damage: nothing is refused, nothing is trusted. Readers use
// src/engine/l1/l1-object-format.ts. Page: docs/formats/l1-object.md.
//
// What does not fit is shown all the same: fields up to where the bytes end, and what is left over behind them.

import { type L1FooterChunk, type L1FooterSection, l1TrailerBytes } from '../l1/l1-object-format.ts';

type Width = 'uuid' | 'u8' | 'u32' | 'i64' | 'magic';
type Layout = readonly (readonly [name: string, width: Width])[];

const head: Layout = [
  ['clusterId', 'uuid'],
  ['objectId', 'uuid'],
  ['topicId', 'uuid'],
  ['kind', 'u8'],
  ['createdMs', 'i64'],
  ['sectionCount', 'u32'],
  ['chunkCount', 'u32'],
];
const section: Layout = [
  ['partition', 'u32'],
  ['baseOffset', 'i64'],
  ['lastOffset', 'i64'],
  ['position', 'i64'],
  ['length', 'i64'],
  ['maxTimestamp', 'i64'],
  ['batchCount', 'u32'],
  ['recordCount', 'i64'],
  ['firstChunk', 'u32'],
];
const chunk: Layout = [
  ['position', 'i64'],
  ['baseOffset', 'i64'],
  ['maxTimestamp', 'i64'],
  ['crc', 'u32'],
];
const trailer: Layout = [
  ['footerLength', 'u32'],
  ['footerCrc', 'u32'],
  ['version', 'u32'],
  ['magic', 'magic'],
];

const widths: Readonly<Record<Width, number>> = { uuid: 16, u8: 1, u32: 4, i64: 8, magic: 8 };
const kindNames = ['reconciled', 'compacted', 'leveled'];

/** Bytes of one field, and what they are. */
export interface AnnotatedBytes {
  /** In the object. */
  readonly position: number;
  readonly bytes: Buffer;
  readonly text: string;
}

/** `bytes` are the footer and the trailer; the footer begins at `position` of the object. */
export function* annotateL1Footer(bytes: Buffer, position: number): Generator<AnnotatedBytes> {
  const footerEnd = Math.max(0, bytes.length - l1TrailerBytes);
  const footer = new Fields(bytes.subarray(0, footerEnd), position);
  yield* footer.annotated(head, 'footer: ');
  const { sectionCount = 0, chunkCount = 0 } = footer.last as Partial<Record<string, number>>;
  for (let at = 0; at < sectionCount && !footer.isOver; at++) yield* footer.annotated(section, `section ${at}: `);
  for (let at = 0; at < chunkCount && !footer.isOver; at++) yield* footer.annotated(chunk, `chunk ${at}: `);
  yield* footer.leftOver('left over');
  const end = new Fields(bytes.subarray(footerEnd), position + footerEnd);
  yield* end.annotated(trailer, 'trailer: ');
  yield* end.leftOver('cut off');
}

/** What bytes that are not to be trusted say; a number that does not fit is NaN. */
export interface SketchedFooter {
  readonly clusterId: string | null;
  readonly objectId: string | null;
  readonly topicId: string | null;
  readonly kind: string | null;
  readonly createdMs: number | null;
  readonly sections: readonly L1FooterSection[];
  readonly chunks: readonly L1FooterChunk[];
}

/** `bytes` are the footer alone. */
export function sketchL1Footer(bytes: Buffer, position: number): SketchedFooter {
  const fields = new Fields(bytes, position);
  const facts = fields.values(head);
  const { sectionCount, chunkCount } = facts as Record<string, number>;
  const sections = fields.entries(section, sectionCount) as unknown as Omit<L1FooterSection, 'chunkCount'>[];
  const chunks = fields.entries(chunk, chunkCount) as unknown as Omit<L1FooterChunk, 'length'>[];
  const { clusterId = null, objectId = null, topicId = null, kind, createdMs = null } = facts as Record<string, never>;
  return {
    clusterId,
    objectId,
    topicId,
    kind: kindNames[kind ?? -1] ?? null,
    createdMs,
    sections: sections.map((one, at) => {
      const end = sections[at + 1]?.firstChunk ?? chunks.length;
      return { ...one, chunkCount: Math.max(0, end - one.firstChunk) };
    }),
    chunks: chunks.map((one, at) => ({ ...one, length: (chunks[at + 1]?.position ?? position) - one.position })),
  };
}

/** Goes over bytes field by field. */
class Fields {
  /** Values of the last layout, by name. */
  last: Record<string, string | number> = {};
  readonly #bytes: Buffer;
  readonly #position: number;
  #at = 0;
  /** A field does not fit any more: counts that promise more of them lie. */
  #isShort = false;

  constructor(bytes: Buffer, position: number) {
    this.#bytes = bytes;
    this.#position = position;
  }

  get isOver(): boolean {
    return this.#isShort || this.#at >= this.#bytes.length;
  }

  *annotated(layout: Layout, prefix: string): Generator<AnnotatedBytes> {
    this.last = {};
    for (const [at, [name, width]] of layout.entries()) {
      const field = this.#next(width);
      if (field === undefined) return;
      this.last[name] = decodedField(field.bytes, width);
      yield { ...field, text: `${at === 0 ? prefix : ''}${fieldText(name, this.last[name])}` };
    }
  }

  *leftOver(text: string): Generator<AnnotatedBytes> {
    while (this.#at < this.#bytes.length) {
      const length = Math.min(16, this.#bytes.length - this.#at);
      yield { position: this.#position + this.#at, bytes: this.#bytes.subarray(this.#at, this.#at + length), text };
      this.#at += length;
    }
  }

  values(layout: Layout): Record<string, string | number> {
    for (const _ of this.annotated(layout, ''));
    return this.last;
  }

  /** Whole entries only. */
  entries(layout: Layout, count = 0): Record<string, string | number>[] {
    const found: Record<string, string | number>[] = [];
    for (let at = 0; at < count && !this.isOver; at++) {
      const values = this.values(layout);
      if (Object.keys(values).length === layout.length) found.push(values);
    }
    return found;
  }

  #next(width: Width): { readonly position: number; readonly bytes: Buffer } | undefined {
    const end = this.#at + widths[width];
    this.#isShort = end > this.#bytes.length;
    if (this.#isShort) return undefined;
    const field = { position: this.#position + this.#at, bytes: this.#bytes.subarray(this.#at, end) };
    this.#at = end;
    return field;
  }
}

function decodedField(bytes: Buffer, width: Width): string | number {
  switch (width) {
    case 'u8':
      return bytes.readUInt8();
    case 'u32':
      return bytes.readUInt32BE();
    case 'i64': {
      const value = Number(bytes.readBigInt64BE());
      return Number.isSafeInteger(value) ? value : Number.NaN;
    }
    case 'uuid':
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'magic':
      return JSON.stringify(bytes.toString('latin1'));
  }
}

function fieldText(name: string, value: string | number): string {
  if (name === 'crc') return 'crc: CRC32C of its bytes';
  if (name === 'footerCrc') return 'footerCrc: CRC32C of the footer';
  if (typeof value === 'string') return name === 'magic' ? `${name} ${value}` : name;
  if (Number.isNaN(value)) return `${name}, outside ±2^53`;
  if (name === 'kind') return `kind ${value}, ${kindNames[value] ?? 'not known'}`;
  const isTime = name === 'createdMs' || name === 'maxTimestamp';
  if (isTime && value >= 0 && value <= 8.64e15) return `${name} ${new Date(value).toISOString()}`;
  return `${name} ${value}`;
}

// Looks into an L1 object: where its footer is and what it says. Nothing is written, and damage ends nothing: what does not match its
// checksum is decoded as far as it goes, and marked.
//
// What it refuses: an object that is not there (`object-not-found`), and one of a newer version (`unsupported-format`).

import { crc32c } from '../base/checksum.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import {
  decodeL1Footer,
  decodeL1Trailer,
  type L1FooterChunk,
  type L1FooterSection,
  l1TrailerBytes,
} from '../l1/l1-object-format.ts';
import type { ObjectInfo, ObjectStore } from '../store/object-store.ts';
import { sketchL1Footer } from './l1-footer-layout-format.ts';
import type { ShownTableFinding } from './table-check.ts';

/** Part: "trailer", "footer", "section 3", "chunk 7"; "object" for the whole. */
export type L1Finding = ShownTableFinding;

/** Null: it cannot be read. */
export interface L1Facts {
  readonly clusterId: string | null;
  readonly objectId: string | null;
  readonly topicId: string | null;
  readonly kind: string | null;
  readonly createdMs: number | null;
}

/** Sections and chunks by their number, looked up where they lie. */
export interface L1Picture extends L1Facts {
  readonly sectionCount: number;
  readonly chunkCount: number;
  section(at: number): L1FooterSection;
  chunk(at: number): L1FooterChunk;
}

export interface L1Inspection {
  readonly info: ObjectInfo;
  /** Null where the trailer does not say it, and nothing else does. */
  readonly footerPosition: number | null;
  /** Footer and trailer; empty where their place is not known. */
  readonly footerBytes: Buffer;
  /** Undefined where there is nothing to decode. */
  readonly picture: L1Picture | undefined;
  /** False: the footer does not match its checksum, or contradicts itself. */
  readonly trusted: boolean;
  readonly findings: readonly L1Finding[];
}

/** Footers of good objects have a few dozen kilobytes. */
const footerBytesMax = 64 * 1024 * 1024;

/** `expected`: what the metastore says of it. */
export async function inspectL1Object(
  store: ObjectStore,
  key: string,
  expected: { readonly sizeBytes: number; readonly footerPosition: number } | undefined,
): Promise<L1Inspection> {
  const info = await store.head(key);
  if (info === undefined) {
    throw new EngineError('object-not-found', `the bucket has no object ${key}`, { context: { key } });
  }
  const { sizeBytes } = info;
  const findings: L1Finding[] = [];
  if (expected !== undefined && expected.sizeBytes !== sizeBytes) {
    findings.push({
      ...whole,
      problem: `has ${sizeBytes} bytes, the metastore says ${expected.sizeBytes}`,
      expected: expected.sizeBytes,
      actual: sizeBytes,
    });
  }
  const footerPosition = await footerPositionOf(store, info, expected?.footerPosition, findings);
  const nothing = { info, footerPosition, footerBytes: Buffer.alloc(0), picture: undefined, trusted: false, findings };
  if (footerPosition === null) return nothing;
  if (sizeBytes - footerPosition > footerBytesMax) {
    const problem = `has ${sizeBytes - footerPosition} bytes, which is more than is read (${footerBytesMax})`;
    findings.push({ ...whole, part: 'footer', start: footerPosition, length: sizeBytes - footerPosition, problem });
    return nothing;
  }
  const footerBytes = await readBytes(store, key, footerPosition, sizeBytes);
  return { info, footerPosition, footerBytes, ...decoded(footerBytes, footerPosition, key, findings), findings };
}

const whole: L1Finding = { part: 'object', start: null, length: null, problem: '', expected: null, actual: null };

/** As the trailer says; where that is damaged, as the metastore does, or as the trailer says where the checksum agrees. */
async function footerPositionOf(
  store: ObjectStore,
  { key, sizeBytes }: ObjectInfo,
  expected: number | undefined,
  findings: L1Finding[],
): Promise<number | null> {
  const start = Math.max(0, sizeBytes - l1TrailerBytes);
  const known = expected !== undefined && expected > 0 && expected < start ? expected : null;
  const trailer = sizeBytes === 0 ? Buffer.alloc(0) : await readBytes(store, key, start, sizeBytes);
  try {
    const { footerPosition } = decodeL1Trailer(trailer, sizeBytes, key);
    if (known !== null && known !== footerPosition) {
      const problem = `the footer begins at byte ${footerPosition}, the metastore says ${known}`;
      findings.push({ ...whole, part: 'trailer', start, length: l1TrailerBytes, problem });
    }
    return footerPosition;
  } catch (error) {
    if (!hasCode(error, 'corrupt-object')) throw error;
    findings.push({ ...whole, part: 'trailer', start, length: sizeBytes - start, problem: unnamed(error.message) });
    return known ?? (await guessedFooter(store, key, start, trailer));
  }
}

async function guessedFooter(store: ObjectStore, key: string, end: number, trailer: Buffer): Promise<number | null> {
  if (trailer.length !== l1TrailerBytes) return null;
  const length = trailer.readUInt32BE(0);
  if (length === 0 || length > Math.min(end, footerBytesMax)) return null;
  const actual = crc32c(await readBytes(store, key, end - length, end));
  return actual === trailer.readUInt32BE(4) ? end - length : null;
}

/** The object has been named already. */
const unnamed = (message: string): string => message.replace(/^L1 object \S+?(?:, (?:footer|trailer))?: /, '');

function decoded(
  bytes: Buffer,
  footerPosition: number,
  key: string,
  findings: L1Finding[],
): Pick<L1Inspection, 'picture' | 'trusted'> {
  try {
    return { picture: decodeL1Footer(bytes, footerPosition, key), trusted: true };
  } catch (error) {
    if (!hasCode(error, 'corrupt-object')) throw error;
    const footer = bytes.subarray(0, Math.max(0, bytes.length - l1TrailerBytes));
    // Where the trailer is damaged, that has been said, and nothing is known of the checksum.
    if (!findings.some(({ part }) => part === 'trailer')) {
      const expected = hex(bytes.readUInt32BE(footer.length + 4));
      const actual = hex(crc32c(footer));
      const checksums = expected === actual ? {} : { expected, actual };
      const place = { start: footerPosition, length: footer.length };
      findings.push({ ...whole, part: 'footer', ...place, problem: unnamed(error.message), ...checksums });
    }
    const { sections, chunks, ...facts } = sketchL1Footer(footer, footerPosition);
    const picture: L1Picture = {
      ...facts,
      sectionCount: sections.length,
      chunkCount: chunks.length,
      section: (at) => sections[at] as L1FooterSection,
      chunk: (at) => chunks[at] as L1FooterChunk,
    };
    return { picture, trusted: false };
  }
}

export const hex = (value: number): string => value.toString(16).padStart(8, '0');

export async function readBytes(store: ObjectStore, key: string, start: number, end: number): Promise<Buffer> {
  return (await store.get(key, { range: { start, end } })).bytes;
}

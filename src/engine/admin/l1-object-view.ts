// One L1 object of a bucket: its footer, and on request every byte of it. `l1 inspect`. What the metastore in the bucket knows of it is
// looked up too, and compared.

import {
  type AnnotatedBytes,
  annotateL1Footer,
  checkL1Object,
  inspectL1Object,
  type L1CheckStep,
  type L1Facts,
  type L1Finding,
  type L1Inspection,
} from '../audit/audit.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import { formatL1Key, l1Prefix } from '../l1/l1-key-format.ts';
import { isUuid, objectKey } from '../metastore/metastore-key-format.ts';
import { decodeObjectRow, type ObjectRow } from '../metastore/object-row-format.ts';
import type { BucketSource } from './bucket-source.ts';
import { chosenDomains } from './metadata-source.ts';

export interface L1ObjectView extends Omit<L1Facts, 'createdMs'> {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modified: string;
  /** As its footer says. RFC 3339. */
  readonly created: string | null;
  /** What the metastore in the bucket says of it; null where it has no row. */
  readonly row: { readonly domain: string; readonly state: string; readonly liveBytes: number } | null;
  readonly footerPosition: number | null;
  readonly footerBytes: number;
  readonly sections: number;
  readonly chunks: number;
  /** False: what is shown may not be what was written. */
  readonly trusted: boolean;
  readonly findings: readonly L1Finding[];
  /** Of one partition, or all. */
  readonly listSections: (partition: number | undefined) => Generator<ShownSection>;
  readonly listChunks: (section: ShownSection) => Generator<ShownChunk>;
  /** Footer and trailer, field by field. */
  readonly annotate: () => Generator<AnnotatedBytes>;
  /** Reads the object to its end. */
  readonly check: (partition: number | undefined) => AsyncGenerator<L1CheckStep>;
}

export interface ShownSection {
  readonly section: number;
  readonly partition: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** RFC 3339; null where no record has a time. */
  readonly maxTimestamp: string | null;
  readonly position: number;
  readonly length: number;
  readonly batches: number;
  readonly records: number;
  readonly firstChunk: number;
  readonly chunks: number;
}

export interface ShownChunk {
  readonly chunk: number;
  readonly section: number;
  readonly position: number;
  readonly length: number;
  readonly baseOffset: number;
  readonly maxTimestamp: string | null;
  /** Eight hexadecimal digits. */
  readonly crc32c: string;
}

/** `text`: its id, or its whole key in the bucket. Throws `object-not-found`. */
export async function viewL1Object(source: BucketSource, text: string): Promise<L1ObjectView> {
  const { clusterId } = source.place;
  const id = text.startsWith(l1Prefix(clusterId)) ? text.slice(l1Prefix(clusterId).length) : text;
  if (!isUuid(id)) {
    throw new EngineError('usage', `"${text}" is neither the id nor the key of an L1 object of this cluster`, {
      hint: 'cloudtopics l1 list shows them',
    });
  }
  const key = formatL1Key(clusterId, id);
  const found = await rowOf(source, id);
  const isAdded = found !== undefined && found.row.state !== 'preregistered';
  const inspection = await inspected(source, key, isAdded ? found.row : undefined);
  const { info, picture, footerPosition, footerBytes, trusted } = inspection;
  const findings = [...inspection.findings, ...strangeNames(inspection, clusterId, id)];
  return {
    key,
    sizeBytes: info.sizeBytes,
    modified: instant(info.modifiedMs) ?? '-',
    row:
      found === undefined
        ? null
        : { domain: found.domain, state: found.row.state, liveBytes: found.row.totalBytes - found.row.removedBytes },
    clusterId: picture?.clusterId ?? null,
    objectId: picture?.objectId ?? null,
    topicId: picture?.topicId ?? null,
    kind: picture?.kind ?? null,
    created: instant(picture?.createdMs ?? -1),
    footerPosition,
    footerBytes: footerBytes.length,
    sections: picture?.sectionCount ?? 0,
    chunks: picture?.chunkCount ?? 0,
    trusted,
    findings,
    listSections: (partition) => sectionsOf(inspection, partition),
    listChunks: (section) => chunksOf(inspection, section),
    annotate: () => annotateL1Footer(footerBytes, footerPosition ?? info.sizeBytes),
    check: (partition) => checkL1Object(source.view.store, inspection, partition),
  };
}

async function inspected(source: BucketSource, key: string, row: ObjectRow | undefined): Promise<L1Inspection> {
  try {
    return await inspectL1Object(source.view.store, key, row);
  } catch (error) {
    if (!hasCode(error, 'object-not-found') || row === undefined) throw error;
    throw new EngineError('object-not-found', `${error.message}, and the metastore has a row of it`, {
      context: { key },
      hint: 'cloudtopics metastore verify --check-storage',
    });
  }
}

/** In the newest manifests. A domain that cannot be opened must not hide an object from who looks at damage. */
async function rowOf(
  source: BucketSource,
  id: string,
): Promise<{ readonly domain: string; readonly row: ObjectRow } | undefined> {
  for (const domain of await chosenDomains(source)) {
    try {
      const value = await (await source.domain(domain))?.reads.get(objectKey(id));
      if (value !== undefined) return { domain, row: decodeObjectRow(objectKey(id), value) };
    } catch (error) {
      if (!hasCode(error, 'corrupt-object', 'object-not-found', 'unsupported-format')) throw error;
    }
  }
  return undefined;
}

/** An object that says it is another one was put there by somebody else. */
function strangeNames({ picture, footerPosition }: L1Inspection, clusterId: string, id: string): L1Finding[] {
  if (picture === undefined) return [];
  const names = [
    ['cluster', picture.clusterId, clusterId],
    ['object', picture.objectId, id],
  ] as const;
  return names
    .filter(([, says, is]) => says !== null && says !== is)
    .map(([what, says, is]) => ({
      part: 'footer',
      start: footerPosition,
      length: null,
      problem: `it says that it is of ${what} ${says}`,
      expected: is,
      actual: says,
    }));
}

function* sectionsOf({ picture }: L1Inspection, partition: number | undefined): Generator<ShownSection> {
  for (let at = 0; at < (picture?.sectionCount ?? 0); at++) {
    const section = picture?.section(at);
    if (section === undefined || (partition !== undefined && section.partition !== partition)) continue;
    const { baseOffset, lastOffset, maxTimestamp, position, length, firstChunk } = section;
    yield {
      section: at,
      partition: section.partition,
      baseOffset,
      lastOffset,
      maxTimestamp: instant(maxTimestamp),
      position,
      length,
      batches: section.batchCount,
      records: section.recordCount,
      firstChunk,
      chunks: section.chunkCount,
    };
  }
}

function* chunksOf({ picture }: L1Inspection, { section, firstChunk, chunks }: ShownSection): Generator<ShownChunk> {
  for (let at = firstChunk; at < Math.min(firstChunk + chunks, picture?.chunkCount ?? 0); at++) {
    const chunk = picture?.chunk(at);
    if (chunk === undefined) return;
    const { position, length, baseOffset, maxTimestamp, crc } = chunk;
    const crc32c = crc.toString(16).padStart(8, '0');
    yield { chunk: at, section, position, length, baseOffset, maxTimestamp: instant(maxTimestamp), crc32c };
  }
}

const instant = (ms: number): string | null => (ms >= 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : null);

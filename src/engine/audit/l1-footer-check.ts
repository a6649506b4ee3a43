// The footers of L1 objects beside the extents of one metastore domain: an extent must be a section of the object that it lies in, byte
// for byte and offset for offset; and a footer must match its checksum.
//
// Extents come in the order of partitions, and an object has many of those: footers that were read are kept, within a bound. What
// is missing or has another size than its row says is reported by the check of the partitions, and passed over here.

import { hasCode } from '../base/errors.ts';
import { formatL1Key } from '../l1/l1-key-format.ts';
import { decodeL1Footer, type L1Footer } from '../l1/l1-object-format.ts';
import { decodeExtentRow, type Extent } from '../metastore/extent-row-format.ts';
import { extentKeyPrefix, objectKey, type TopicPartition } from '../metastore/metastore-key-format.ts';
import { decodeObjectRow, type ObjectRow } from '../metastore/object-row-format.ts';
import type { CheckFinding } from './check-finding.ts';
import type { CheckedDomain, CheckedStorage, CheckStep, MetadataCheckOptions } from './metadata-check.ts';
import { pagedRows } from './paged-rows.ts';

const extentsAtATime = 200;
const readsMax = 8;
const footersBytesMaxDefault = 64 * 1024 * 1024;

type ExtentRow = TopicPartition & Extent;

/** Goes on behind the key of an extent. */
export async function* checkFooters(
  options: MetadataCheckOptions & { readonly storage: CheckedStorage },
  domain: CheckedDomain,
  after: string | undefined,
  footersBytesMax = footersBytesMaxDefault,
): AsyncGenerator<CheckStep> {
  const { topicId } = options;
  const prefix = topicId === undefined ? extentKeyPrefix : `${extentKeyPrefix}${topicId}/`;
  const check = new FooterCheck(options, domain, footersBytesMax);
  let page: { readonly key: string; readonly value: Buffer }[] = [];
  let last = after;
  const step = async (): Promise<CheckStep> => {
    const findings = await check.page(page);
    const counted = { extents: page.length };
    page = [];
    const place = last === undefined ? {} : { after: last };
    return { findings, counted, position: { phase: 'footers', domain: domain.name, ...place } };
  };
  for await (const row of pagedRows(domain.reads, { prefix, ...(after === undefined ? {} : { after }) })) {
    page.push(row);
    last = row.key;
    if (page.length >= extentsAtATime) yield await step();
  }
  yield await step();
}

interface ReadFooter {
  /** Undefined: damaged, which was reported, or not to be looked at here. */
  readonly footer: L1Footer | undefined;
  readonly bytes: number;
}

class FooterCheck {
  readonly #options: MetadataCheckOptions & { readonly storage: CheckedStorage };
  readonly #domain: CheckedDomain;
  readonly #footersBytesMax: number;
  /** In the order of their last use. */
  readonly #footers = new Map<string, ReadFooter>();
  #footersBytes = 0;

  constructor(
    options: MetadataCheckOptions & { readonly storage: CheckedStorage },
    domain: CheckedDomain,
    footersBytesMax: number,
  ) {
    this.#options = options;
    this.#domain = domain;
    this.#footersBytesMax = footersBytesMax;
  }

  async page(rows: readonly { readonly key: string; readonly value: Buffer }[]): Promise<CheckFinding[]> {
    const extents = rows.flatMap(({ key, value }) => decoded(key, value));
    const ids = [...new Set(extents.map(({ extent }) => extent.objectId))];
    const findings: CheckFinding[] = [];
    const waiting = ids.values();
    const page = new Map<string, L1Footer>();
    const worker = async (): Promise<void> => {
      for (const id of waiting) {
        const footer = await this.#footer(id, findings);
        if (footer !== undefined) page.set(id, footer);
      }
    };
    await Promise.all(Array.from({ length: Math.min(readsMax, ids.length) }, worker));
    for (const { key, extent } of extents) {
      const footer = page.get(extent.objectId);
      const problem = footer === undefined ? undefined : mismatch(footer, extent);
      if (problem === undefined || (await this.#isGone(key, extent))) continue;
      const detail = `${problem} in ${extent.objectId}`;
      findings.push({ severity: 'error', name: 'object_footer_mismatch', domain: this.#domain.name, key, detail });
    }
    return findings;
  }

  async #footer(id: string, findings: CheckFinding[]): Promise<L1Footer | undefined> {
    const known = this.#footers.get(id);
    if (known !== undefined) {
      this.#footers.delete(id);
      this.#footers.set(id, known);
      return known.footer;
    }
    const row = await this.#row(id);
    const footer = row === undefined ? undefined : await this.#read(row, findings);
    // What stays out of the bound is the page under way, which holds what it needs itself.
    const bytes = (footer?.memoryBytes ?? 0) + 200;
    this.#footers.set(id, { footer, bytes });
    this.#footersBytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#footers) {
      if (this.#footersBytes <= this.#footersBytesMax) break;
      this.#footers.delete(oldest);
      this.#footersBytes -= freed;
    }
    return footer;
  }

  async #row(id: string): Promise<ObjectRow | undefined> {
    const value = await this.#domain.reads.get(objectKey(id));
    if (value === undefined) return undefined;
    try {
      const row = decodeObjectRow(objectKey(id), value);
      return row.state === 'preregistered' ? undefined : row;
    } catch (error) {
      if (hasCode(error, 'corrupt-object', 'unsupported-format')) return undefined;
      throw error;
    }
  }

  async #read(row: ObjectRow, findings: CheckFinding[]): Promise<L1Footer | undefined> {
    const { store, clusterId } = this.#options.storage;
    const key = formatL1Key(clusterId, row.objectId);
    const { footerPosition: start, sizeBytes: end } = row;
    const info = await store.head(key);
    if (info === undefined || info.sizeBytes !== end) return undefined;
    const damage = (detail: string): undefined => {
      const place = { start, length: Math.max(0, end - start) };
      findings.push({ severity: 'damage', name: 'object_damaged', domain: this.#domain.name, key, detail, ...place });
    };
    if (start >= end) return damage(`its row says that its footer begins at byte ${start}; it has ${end} bytes`);
    try {
      const { bytes } = await store.get(key, { range: { start, end } });
      const footer = decodeL1Footer(bytes, start, key);
      if (footer.objectId === row.objectId && footer.clusterId === clusterId) return footer;
      return damage(`its footer says that it is ${footer.objectId} of cluster ${footer.clusterId}`);
    } catch (error) {
      if (hasCode(error, 'object-not-found')) return undefined;
      if (!hasCode(error, 'corrupt-object', 'unsupported-format')) throw error;
      return damage(error.message);
    }
  }

  /** On a live broker extents are replaced while they are looked at. */
  async #isGone(key: string, extent: ExtentRow): Promise<boolean> {
    if (!this.#options.live) return false;
    const value = await this.#domain.reads.get(key);
    return value === undefined || decoded(key, value)[0]?.extent.objectId !== extent.objectId;
  }
}

/** A row that does not decode is reported with its partition. */
function decoded(key: string, value: Buffer): { readonly key: string; readonly extent: ExtentRow }[] {
  try {
    return [{ key, extent: decodeExtentRow(key, value) }];
  } catch (error) {
    if (hasCode(error, 'corrupt-object', 'unsupported-format')) return [];
    throw error;
  }
}

function mismatch(footer: L1Footer, extent: ExtentRow): string | undefined {
  const { topicId, partition, baseOffset, lastOffset, position, length } = extent;
  if (footer.topicId !== topicId) return `an extent of topic ${topicId} lies in an object of topic ${footer.topicId}`;
  const number = footer.sectionOf(partition, baseOffset);
  const says = `the extent has offsets ${baseOffset} to ${lastOffset}, ${length} bytes at ${position}`;
  if (number === undefined) return `${says}; there is no section of partition ${partition} with that offset`;
  const section = footer.section(number);
  const isSame =
    section.baseOffset === baseOffset &&
    section.lastOffset === lastOffset &&
    section.position === position &&
    section.length === length;
  if (isSame) return undefined;
  const { baseOffset: from, lastOffset: to, length: bytes, position: at } = section;
  return `${says}; the section has offsets ${from} to ${to}, ${bytes} bytes at ${at}`;
}

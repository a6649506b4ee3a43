// Looks at a whole table and tells what is damaged in it and where. Reads only, decodes as much as it can, hides nothing: what a
// checksum refuses is decoded all the same where that is possible, and marked. For `sst verify` and `sst dump`.
//
// Rejects with `unsupported-format` for a newer version and with whatever the source rejects with; damage is no rejection.

import type { Version } from '../core/row.ts';
import type { TableSource } from '../io/table-storage.ts';
import { type InspectedBlock, inspectBlock } from './inspect-block.ts';
import { type InspectedTail, inspectTail } from './inspect-tail.ts';
import { finding, noting, type TableFinding } from './table-finding.ts';
import { checkFacts, type TableFacts } from './table-format.ts';

export interface TableInspection extends InspectedTail {
  readonly key: string;
  readonly sizeBytes: number;
  /** Of the blocks that could be trusted. */
  readonly counted: { readonly blocks: number; readonly entries: number; readonly tombstones: number };
  /** Empty: the table is whole, and is the one that was meant. */
  readonly findings: readonly TableFinding[];
}

/** Everything. `info`: what a manifest says of the table, where there is one. */
export async function inspectTable(source: TableSource, info?: TableFacts): Promise<TableInspection> {
  const findings: TableFinding[] = [];
  const tail = await inspectTail(source, findings);
  const { key, sizeBytes } = source;
  if (info !== undefined && tail.facts !== undefined) {
    const { facts } = tail;
    noting(findings, 'table', () => checkFacts(facts, info, key));
  }
  const count = new FactsCount();
  for await (const block of blocksOf(source, tail)) {
    findings.push(...block.findings);
    if (block.trusted) count.add(block, tail, findings);
  }
  if (tail.facts !== undefined && count.blocks === tail.index?.count) count.compare(tail.facts, key, findings);
  const { blocks, entries, tombstones } = count;
  return { key, sizeBytes, ...tail, counted: { blocks, entries, tombstones }, findings };
}

/** The blocks one after the other, with all that is in them. What is wrong with the tail is not told here. */
export async function* inspectBlocks(source: TableSource): AsyncGenerator<InspectedBlock> {
  yield* blocksOf(source, await inspectTail(source, []));
}

const aheadBytes = 8 * 1024 * 1024;

async function* blocksOf(source: TableSource, { index }: InspectedTail): AsyncGenerator<InspectedBlock> {
  if (index === undefined) return;
  const end = index.start(index.count);
  let told = 0;
  for (let at = 0; at < index.count; at++) {
    const start = index.start(at);
    if (start >= told) {
      told = Math.min(end, start + aheadBytes);
      source.prefetch(start, told);
    }
    yield inspectBlock(await source.read(start, index.length(at)), index, at, source.key);
  }
}

/** Counts again what the table states of itself, and checks what only neighbouring blocks show. */
class FactsCount {
  blocks = 0;
  entries = 0;
  tombstones = 0;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = 0;
  #smallest = '';
  #largest = '';

  add(block: InspectedBlock, { filter }: InspectedTail, findings: TableFinding[]): void {
    this.blocks++;
    if (this.entries === 0) this.#smallest = block.versions[0]?.key ?? '';
    for (const version of block.versions) this.#count(version);
    const unknown = block.versions.filter(({ key }) => filter !== undefined && !filter.mayContain(key)).length;
    if (unknown > 0)
      findings.push(finding(`block ${block.at}`, block.range, `the bloom filter denies ${unknown} of its entries`));
  }

  #count({ key, sequence, value }: Version): void {
    this.entries++;
    if (value === undefined) this.tombstones++;
    if (sequence < this.#oldest) this.#oldest = sequence;
    if (sequence > this.#newest) this.#newest = sequence;
    this.#largest = key;
  }

  compare(stated: TableFacts, key: string, findings: TableFinding[]): void {
    const counted: TableFacts = {
      sizeBytes: stated.sizeBytes,
      entries: this.entries,
      tombstones: this.tombstones,
      oldest: this.#oldest,
      newest: this.#newest,
      smallest: this.#smallest,
      largest: this.#largest,
    };
    noting(findings, 'table facts', () => checkFacts(counted, stated, key));
  }
}

// The extent index of a partition: a skip list of summaries, so that a question about many extents reads few rows.
// summary-row-format.ts says what a summary covers; docs/formats/metastore.md draws it.
//
// Keeping it: whoever changes extents calls `refreshIndex` in the same update. A summary is the sum of the summaries one level below
// between two posts, so only summaries whose span was touched are computed again, from the lowest level up.
// Asking it: `walkExtents` goes over a partition's extents in order and lets the caller pass whole spans at a time.

import type { DomainReads } from '../domain/domain.ts';
import { decodeExtentRow, type Extent } from './extent-row-format.ts';
import { extentKey, extentsPrefix, summariesPrefix, summaryKey, type TopicPartition } from './metastore-key-format.ts';
import type { RowDraft } from './row-draft.ts';
import { scanAll } from './row-reads.ts';
import {
  addSummaries,
  decodeSummaryRow,
  type ExtentSummary,
  emptySummary,
  encodeSummaryRow,
  indexLevels,
  rankOf,
  type SummaryRow,
  summaryOf,
} from './summary-row-format.ts';

/** About as many rows as lie between two posts of the next level. */
const pageRows = 16;

/** Extents that were taken out of and put into one stretch of offsets. */
export interface ExtentChange {
  readonly removed: readonly number[];
  readonly added: readonly number[];
  /** Nothing lies behind what was added, and nothing was removed. */
  readonly append?: boolean;
}

/** Brings the summaries up to date; the extents themselves are changed in the draft already. Offsets are base offsets, sorted. */
export async function refreshIndex(draft: RowDraft, of: TopicPartition, change: ExtentChange): Promise<void> {
  const { removed, added } = change;
  const behind = 1 + Math.max(removed.at(-1) ?? -1, added.at(-1) ?? -1);
  for (let level = 1; level <= indexLevels; level++) {
    const gone = removed.filter((base) => rankOf(base) >= level);
    const posts = added.filter((base) => rankOf(base) >= level);
    for (const base of gone) draft.delete(summaryKey(of, level, base));
    if (change.append !== true) {
      const [next] = await readSummaries(draft, of, level, { from: behind, limit: 1 });
      if (next !== undefined) posts.push(next.baseOffset);
    }
    // Every post of a higher level is one of this level too.
    if (gone.length === 0 && posts.length === 0) return;
    for (const post of posts) {
      draft.put(summaryKey(of, level, post), encodeSummaryRow(await summarize(draft, of, level, post)));
    }
  }
}

/** The summary of a post, from what lies one level below it. */
async function summarize(reads: DomainReads, of: TopicPartition, level: number, post: number): Promise<ExtentSummary> {
  const [previous] = await readSummaries(reads, of, level, { before: post, reverse: true, limit: 1 });
  let sum = emptySummary;
  if (level === 1) {
    const from = extentKey(of, previous?.baseOffset ?? 0);
    const bounds = { prefix: extentsPrefix(of), from, before: extentKey(of, post) };
    for await (const { key, value } of scanAll(reads, bounds)) {
      sum = addSummaries(sum, summaryOf(decodeExtentRow(key, value)));
    }
    return sum;
  }
  const from = summaryKey(of, level - 1, previous === undefined ? 0 : previous.baseOffset + 1);
  const bounds = { prefix: summariesPrefix(of, level - 1), from, before: summaryKey(of, level - 1, post + 1) };
  for await (const { key, value } of scanAll(reads, bounds)) sum = addSummaries(sum, decodeSummaryRow(key, value));
  return sum;
}

async function readSummaries(
  reads: DomainReads,
  of: TopicPartition,
  level: number,
  bounds: { readonly from?: number; readonly before?: number; readonly reverse?: boolean; readonly limit: number },
): Promise<SummaryRow[]> {
  const rows = await reads.scan({
    prefix: summariesPrefix(of, level),
    ...(bounds.from === undefined ? {} : { from: summaryKey(of, level, bounds.from) }),
    ...(bounds.before === undefined ? {} : { before: summaryKey(of, level, bounds.before) }),
    ...(bounds.reverse === true ? { reverse: true } : {}),
    limit: bounds.limit,
  });
  return rows.map(({ key, value }) => decodeSummaryRow(key, value));
}

export interface ExtentVisitor {
  /** Takes a summary of all extents from where the walk is up to, not including, the one at `until`: or wants to see them singly. */
  summary(summary: ExtentSummary, until: number): 'passed' | 'look inside';
  extent(extent: Extent): 'passed' | 'stop';
}

/** Where a walk begins: at an extent that exists, or at the partition's beginning with a hint how many extents there are. */
export type WalkStart = { readonly baseOffset: number } | { readonly extentCount: number };

/**
 * Visits every extent from the start on, in order, each once: by itself or in a summary. The walk climbs where it meets a post, and
 * goes down where the visitor wants to look inside or where no summary reaches: about 16 rows a level.
 */
export async function walkExtents(
  reads: DomainReads,
  of: TopicPartition,
  start: WalkStart,
  visitor: ExtentVisitor,
): Promise<void> {
  // The beginning is like a post of every level; more levels than the count makes likely are only tried in vain.
  const isBase = 'baseOffset' in start;
  let position = isBase ? start.baseOffset : 0;
  let level = isBase ? rankOf(position) : Math.min(indexLevels, Math.ceil(Math.log2(start.extentCount + 1) / 4));
  let atBeginning = !isBase;
  while (true) {
    if (level === 0) {
      const post = await walkSingly(reads, of, position, atBeginning, visitor);
      if (post === undefined) return;
      position = post;
      atBeginning = false;
      level = rankOf(post);
      continue;
    }
    // At the beginning the first extent itself may be a post: the summary in front of it covers nothing, and is passed.
    const from = atBeginning ? 0 : position + 1;
    const page = await readSummaries(reads, of, level, { from, limit: pageRows });
    let goDown = page.length === 0;
    for (const summary of page) {
      if (summary.count > 0 && visitor.summary(summary, summary.baseOffset) === 'look inside') {
        goDown = true;
        break;
      }
      position = summary.baseOffset;
      atBeginning = false;
      const rank = rankOf(position);
      if (rank === level) continue;
      level = rank;
      break;
    }
    if (goDown) level -= 1;
  }
}

/** Visits extents up to the next post, and gives it; undefined when the visitor stops or no extents are left. */
async function walkSingly(
  reads: DomainReads,
  of: TopicPartition,
  position: number,
  atBeginning: boolean,
  visitor: ExtentVisitor,
): Promise<number | undefined> {
  let from = position;
  // The extent at the position was arrived at: it is visited, even where it is a post.
  let arrived = !atBeginning;
  while (true) {
    const rows = await reads.scan({ prefix: extentsPrefix(of), from: extentKey(of, from), limit: pageRows });
    for (const { key, value } of rows) {
      const extent = decodeExtentRow(key, value);
      const here = arrived && extent.baseOffset === position;
      if (!here && rankOf(extent.baseOffset) > 0) return extent.baseOffset;
      if (visitor.extent(extent) === 'stop') return undefined;
      from = extent.baseOffset + 1;
    }
    if (rows.length < pageRows) return undefined;
    arrived = false;
  }
}

// The extent index: whatever happened to the extents, its rows are those that a fresh start would write; questions get the answers
// of a linear scan, and read few rows.

import { describe, expect, test } from 'vitest';
import { offset, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import { refreshIndex, walkExtents } from '../../../src/engine/metastore/extent-index.ts';
import { firstExtentAtTimestamp, offsetOfSuffix } from '../../../src/engine/metastore/extent-queries.ts';
import { type Extent, encodeExtentRow } from '../../../src/engine/metastore/extent-row-format.ts';
import { extentKey, indexPrefix, partitionKey } from '../../../src/engine/metastore/metastore-key-format.ts';
import { encodePartitionRow } from '../../../src/engine/metastore/partition-row-format.ts';
import { RowDraft } from '../../../src/engine/metastore/row-draft.ts';
import {
  addSummaries,
  type ExtentSummary,
  emptySummary,
  rankOf,
  summaryOf,
} from '../../../src/engine/metastore/summary-row-format.ts';
import { MemoryDomain } from './memory-domain.ts';
import { HistoryDice } from './metastore-history.ts';

const of = { topicId: topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b'), partition: 0 };
const objectId = '0192f0c1-7b1e-4c3d-9a55-3f7e11223344';

function extentAt(base: number, last: number, dice: HistoryDice): Extent {
  const maxTimestamp = timestampMs(base + dice.below(5000));
  const length = 1 + dice.below(1000);
  return { baseOffset: offset(base), lastOffset: offset(last), maxTimestamp, objectId, position: 0, length };
}

/** Puts extents in the place of others and keeps the index, as the updates do. */
async function change(domain: MemoryDomain, removed: readonly Extent[], added: readonly Extent[], append = false) {
  const draft = new RowDraft(domain);
  for (const extent of removed) draft.delete(extentKey(of, extent.baseOffset));
  for (const extent of added) draft.put(extentKey(of, extent.baseOffset), encodeExtentRow(extent));
  const bases = (extents: readonly Extent[]) => extents.map((extent) => extent.baseOffset);
  await refreshIndex(draft, of, { removed: bases(removed), added: bases(added), ...(append ? { append } : {}) });
  await domain.write(draft.changes());
}

const indexRows = async (domain: MemoryDomain) => domain.scan({ prefix: indexPrefix(of) });

/** A partition of many extents, appended a few at a time. */
async function filled(count: number, seed: number): Promise<{ domain: MemoryDomain; extents: Extent[] }> {
  const dice = new HistoryDice(seed);
  const domain = new MemoryDomain();
  const extents: Extent[] = [];
  for (let base = 0; extents.length < count; ) {
    const added: Extent[] = [];
    for (let left = 1 + dice.below(50); left > 0; left--) {
      const last = base + dice.below(100);
      added.push(extentAt(base, last, dice));
      base = last + 1;
    }
    await change(domain, [], added, true);
    extents.push(...added);
  }
  const next = (extents.at(-1) as Extent).lastOffset + 1;
  const sizeBytes = extents.reduce((sum, extent) => sum + extent.length, 0);
  const row = { ...of, startOffset: offset(0), nextOffset: offset(next), compactionEpoch: 0, sizeBytes };
  const lastStamp = { incarnation: 1 as never, term: 1 as never, attempt: 0 };
  domain.apply({
    key: partitionKey(of),
    value: encodePartitionRow({ ...row, extentCount: extents.length, lastStamp }),
  });
  return { domain, extents };
}

describe('the index', () => {
  test.each([1, 2, 3, 4])('depends on the set of extents only (seed %i)', async (seed) => {
    const dice = new HistoryDice(seed);
    const domain = new MemoryDomain();
    let extents: Extent[] = [];
    for (let round = 0; round < 60; round++) {
      const first = dice.below(extents.length + 1);
      const removed = extents.slice(first, first + dice.below(30));
      const from = removed[0]?.baseOffset ?? (extents.at(-1)?.lastOffset ?? -1) + 1;
      const isAppend = removed.length === 0;
      const last = isAppend ? from + 400 : (removed.at(-1) as Extent).lastOffset;
      const added: Extent[] = [];
      for (let base: number = from; base <= last && !(dice.chance(2) && !isAppend); ) {
        const end = Math.min(last, base + dice.below(8));
        added.push(extentAt(base, end, dice));
        base = end + 1;
      }
      await change(domain, removed, added);
      const kept = extents.filter((extent) => !removed.includes(extent));
      extents = [...kept, ...added].sort((a, b) => a.baseOffset - b.baseOffset);
    }
    const fresh = new MemoryDomain();
    await change(fresh, [], extents, true);
    expect(await indexRows(domain)).toEqual(await indexRows(fresh));
    expect((await indexRows(domain)).length).toBeGreaterThan(4);
    await change(domain, extents, []);
    expect(await indexRows(domain)).toEqual([]);
  });

  test('a walk sees every extent once, whatever is passed over', async () => {
    const { domain, extents } = await filled(3000, 5);
    expect(extents.filter((extent) => rankOf(extent.baseOffset) >= 2).length).toBeGreaterThan(3);
    const dice = new HistoryDice(6);
    for (let round = 0; round < 24; round++) {
      const from = dice.below(extents.length);
      const start = round % 4 === 0 ? { extentCount: dice.below(5000) } : (extents[from] as Extent);
      const expected = (round % 4 === 0 ? extents : extents.slice(from)).map(summaryOf).reduce(addSummaries);
      let seen: ExtentSummary = emptySummary;
      let end = -1;
      const passing = dice.below(101);
      await walkExtents(domain, of, start, {
        summary: (summary, until) => {
          if (!dice.chance(passing)) return 'look inside';
          expect(until).toBeGreaterThan(end);
          end = until - 1;
          seen = addSummaries(seen, summary);
          return 'passed';
        },
        extent: (extent) => {
          expect(extent.baseOffset).toBeGreaterThan(end);
          end = extent.baseOffset;
          seen = addSummaries(seen, summaryOf(extent));
          return 'passed';
        },
      });
      expect(seen).toEqual(expected);
    }
  });

  test('questions get the answer of a linear scan, from few rows', async () => {
    const { domain, extents } = await filled(6000, 7);
    const dice = new HistoryDice(8);
    const end = (extents.at(-1) as Extent).lastOffset;
    const size = extents.reduce((sum, extent) => sum + extent.length, 0);
    let rows = 0;
    for (let round = 0; round < 200; round++) {
      const from = offset(dice.below(end));
      const timestamp = dice.below(end + 6000);
      const expected = extents.find((extent) => extent.lastOffset >= from && extent.maxTimestamp >= timestamp);
      domain.rowsRead = 0;
      const found = await firstExtentAtTimestamp(domain, of, from, timestamp);
      rows = Math.max(rows, domain.rowsRead);
      expect(found?.baseOffset).toBe(expected?.baseOffset);

      const bytes = 1 + dice.below(size);
      let sum = 0;
      const wanted = extents.findLast((extent) => {
        sum += extent.length;
        return sum >= bytes;
      });
      domain.rowsRead = 0;
      expect(await offsetOfSuffix(domain, of, bytes)).toBe(wanted?.baseOffset);
      rows = Math.max(rows, domain.rowsRead);
    }
    // Three levels of about 16, going up and down, the worst of 400 questions.
    expect(rows).toBeLessThan(450);
  });

  test('an append writes a summary for about one extent in fifteen', async () => {
    const { domain, extents } = await filled(6000, 9);
    const count = (await indexRows(domain)).length;
    expect(count / extents.length).toBeGreaterThan(1 / 20);
    expect(count / extents.length).toBeLessThan(1 / 12);
  });
});

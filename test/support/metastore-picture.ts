// What a metastore holds, as a flat map of texts: made from its rows on one side and from the oracle on the other, so that both can be
// compared line by line. Every key begins "<kind>/<id>", where the id is a topic's or an object's.
//
// Left out are the instants at which objects were changed, which only the metastore's own clock knows, and the summaries of the extent
// index, which the partition validator judges.

import { describeMetastoreRow } from '../../src/engine/metastore/row-view-format.ts';
import type { SimpleMetastore } from '../engine/metastore/simple-metastore.ts';

export type MetastorePicture = Map<string, string>;

interface Range {
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Rows as [key, hex]. Throws for one that does not decode. */
export function pictureOfRows(rows: readonly (readonly [string, string])[]): MetastorePicture {
  const decoded = rows.map(([key, hex]) => ({ key, row: describeMetastoreRow(key, Buffer.from(hex, 'hex')) }));
  const starts = new Map<string, number>();
  for (const { row } of decoded) if (row.kind === 'partition') starts.set(placeOf(row), Number(row['startOffset']));
  const picture: MetastorePicture = new Map();
  const offsets = new Map<string, string[]>();
  const addRange = (kind: string, row: PlacedRow, { baseOffset, lastOffset }: Range, note = '') => {
    const key = `${kind}/${placeOf(row)}`;
    const list = offsets.get(key) ?? [];
    offsets.set(key, list);
    // An empty range that the start lies in stays as it is.
    const from = Math.max(baseOffset, starts.get(placeOf(row)) ?? 0);
    for (let at = from; at <= lastOffset; at++) list.push(`${at}${note}`);
  };
  for (const { key, row } of decoded) {
    const { kind, topicId, partition, ...fields } = row;
    switch (kind) {
      case 'index':
        break;
      case 'empty':
        addRange('empty', row, fields as unknown as Range);
        break;
      case 'compaction':
        for (const range of fields['cleanedRanges'] as Range[]) addRange('cleaned', row, range);
        for (const range of fields['tombstoneRanges'] as (Range & { cleanedAtMs: number })[]) {
          addRange('tombstones', row, range, `@${range.cleanedAtMs}`);
        }
        break;
      case 'removed':
        picture.set(key, 'removed');
        break;
      default: {
        const { lastUpdatedMs: _, ...compared } = fields;
        picture.set(key, text(compared));
      }
    }
  }
  for (const [key, list] of offsets) if (list.length > 0) picture.set(key, list.join(' '));
  return picture;
}

type PlacedRow = { readonly [field: string]: unknown };

const digits = (value: unknown, width: number): string => String(value).padStart(width, '0');
const placeOf = (row: PlacedRow): string => `${row['topicId']}/${digits(row['partition'], 10)}`;

export function pictureOfOracle({ state }: SimpleMetastore): MetastorePicture {
  const picture: MetastorePicture = new Map();
  for (const [name, known] of state.partitions) {
    const [topicId, partition] = name.split('/');
    const place = placeOf({ topicId, partition });
    const sizeBytes = known.extents.reduce((sum, extent) => sum + extent.length, 0);
    const { start: startOffset, next: nextOffset, epoch: compactionEpoch, stamp: lastStamp } = known;
    const extentCount = known.extents.length;
    const row = { startOffset, nextOffset, compactionEpoch, sizeBytes, extentCount, lastStamp };
    picture.set(`partition/${place}`, text(row));
    for (const extent of known.extents) picture.set(`extent/${place}/${digits(extent.baseOffset, 20)}`, text(extent));
    for (const start of known.terms) picture.set(`term/${place}/${digits(start.term, 10)}`, text(start));
    for (const [id, producer] of known.producers) picture.set(`producer/${place}/${digits(id, 20)}`, text(producer));
    const sets = { empty: [...known.empty], cleaned: [...known.cleaned], tombstones: [...known.tombstones.keys()] };
    for (const [kind, offsets] of Object.entries(sets)) {
      const note = (at: number) => (kind === 'tombstones' ? `${at}@${known.tombstones.get(at)}` : String(at));
      const list = offsets.sort((a, b) => a - b).map(note);
      if (list.length > 0) picture.set(`${kind}/${place}`, list.join(' '));
    }
  }
  for (const { lastUpdatedMs: _, ...object } of state.objects.values()) {
    picture.set(`object/${object.objectId}`, text({ ...object }));
  }
  for (const id of state.removedTopics) picture.set(`removed/${id}`, 'removed');
  return picture;
}

/** The same text for the same fields, in whatever order they came. */
function text(fields: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
}

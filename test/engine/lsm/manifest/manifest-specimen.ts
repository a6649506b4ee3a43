// A small manifest with everything in it, and tables and manifests made with as few words as a test needs.

import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { keyFromText } from '../../../../src/engine/lsm/core/row.ts';
import type { WriterName } from '../../../../src/engine/lsm/core/table-name.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';

export const specimenPrefix = '3f2c1a00-5b1e-4c39-9d0e-0123456789ab/domain/control/';

/** (incarnation, term, number) */
export type NameParts = readonly [number, number, number];

export const nameOf = ([inc, ofTerm, number]: NameParts): WriterName => ({
  incarnation: incarnation(inc),
  term: term(ofTerm),
  number,
});

/** Three levels, the middle one empty; tables of two terms; keys of ASCII, of other text and of bytes. */
export const manifestSpecimen: Manifest = {
  name: nameOf([1, 3, 12]),
  prefix: specimenPrefix,
  createdMs: 1_700_000_000_123,
  coveredIndex: 900,
  nextTableNumber: 9,
  settledTableNumber: 8,
  levels: [
    [
      {
        name: nameOf([1, 3, 7]),
        sizeBytes: 2048,
        smallest: 'counter/cluster-epoch',
        largest: keyFromText('topic/é'),
        oldest: 801,
        newest: 900,
        entries: 40,
        tombstones: 3,
      },
    ],
    [],
    [
      {
        name: nameOf([1, 2, 4]),
        sizeBytes: 16_777_216,
        smallest: '\0',
        largest: 'm',
        oldest: 1,
        newest: 700,
        entries: 100_000,
        tombstones: 0,
      },
      {
        name: nameOf([1, 2, 5]),
        sizeBytes: 4096,
        smallest: 'n',
        largest: '\xff\xff',
        oldest: 2,
        newest: 800,
        entries: 1,
        tombstones: 1,
      },
    ],
  ],
};

export function tableOf(name: NameParts, facts: Partial<TableInfo> = {}): TableInfo {
  return {
    name: nameOf(name),
    sizeBytes: 100,
    smallest: 'a',
    largest: 'b',
    oldest: 1,
    newest: 1,
    entries: 1,
    tombstones: 0,
    ...facts,
  };
}

/** Its tables stand in level 1, with keys that do not touch. */
export function manifestOf(name: NameParts, tables: readonly NameParts[], facts: Partial<Manifest> = {}): Manifest {
  const next = Math.max(0, ...tables.map(([, , number]) => number)) + 1;
  return {
    name: nameOf(name),
    prefix: specimenPrefix,
    createdMs: 1,
    coveredIndex: 1,
    nextTableNumber: next,
    settledTableNumber: next,
    levels: [[], tables.map((table, at) => tableOf(table, { smallest: orderedKey(at), largest: orderedKey(at) }))],
    ...facts,
  };
}

const orderedKey = (at: number) => String(at).padStart(6, '0');

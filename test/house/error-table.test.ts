// Guards the one table of errors, from which answers to clients, exit statuses, `explain`, man and docs are made.

import { describe, expect, it } from 'vitest';
import { type ErrorEntry, errorTable, exitStatusByKind } from '../../src/engine/base/error-table.ts';
import { filesUnder, isTypeScript } from './source-tree.ts';

const entries: readonly [string, ErrorEntry][] = Object.entries(errorTable);

/** Kafka 4.2 knows −1 … 133; 0 means success. */
const kafkaCodeMax = 133;
/** The statuses that mean something else than an error of ours: success, partial, findings, work pending, terminated. */
const otherStatuses = new Set([0, 3, 4, 14, 143]);

describe('the error table', () => {
  it('has entries', () => {
    expect(entries.length).toBeGreaterThan(20);
  });

  it.each(entries)('%s says what it means, to people and to clients', (code, entry) => {
    expect(code, 'codes are kebab-case').toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(entry.meaning, 'one whole sentence').toMatch(/^[A-Z].*\.$/);
    if (entry.hint !== undefined)
      expect(entry.hint, 'goes behind "try:", without a full stop').not.toMatch(/^\s*$|\.$/);
    expect(
      Number.isInteger(entry.kafkaCode) && entry.kafkaCode >= -1 && entry.kafkaCode <= kafkaCodeMax,
      'a Kafka error code',
    ).toBe(true);
    expect(entry.kafkaCode, '0 would tell the client that all went well').not.toBe(0);
    expect(exitStatusByKind[entry.kind], `${entry.kind} has an exit status`).toBeGreaterThan(0);
  });

  it('gives no two codes the same meaning', () => {
    const byMeaning = Map.groupBy(entries, ([, { meaning }]) => meaning.toLowerCase());
    const same = [...byMeaning.values()]
      .filter((group) => group.length > 1)
      .map((group) => group.map(([code]) => code).join(' and '));
    expect(same).toEqual([]);
  });

  it('gives every kind an exit status of its own', () => {
    const statuses = Object.values(exitStatusByKind);
    expect(new Set(statuses).size).toBe(statuses.length);
    expect(statuses.filter((status) => otherStatuses.has(status))).toEqual([]);
  });

  it('has only codes that the sources use', () => {
    const text = filesUnder('src', (path) => isTypeScript(path) && !path.endsWith('error-table.ts'))
      .map((file) => file.text)
      .join('\n');
    const unused = entries
      .filter(([code]) => !text.includes(`'${code}'`))
      .map(([code]) => `${code} is never raised: take it out until it is`);
    expect(unused).toEqual([]);
  });
});

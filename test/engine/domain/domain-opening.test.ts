// What a domain is opened from, and what it refuses: a log that lost something is never taken for a short one.

import { describe, expect, it } from 'vitest';
import { EngineError, toEngineError } from '../../../src/engine/base/errors.ts';
import { decodeRecordedManifest, encodeRecordedManifest } from '../../../src/engine/domain/recorded-manifest-format.ts';
import type { LogSnapshot } from '../../../src/engine/replicated-log/replicated-log.ts';
import { DomainStage, prefix, rowsOf, set, tinyRules, turn, unset } from './domain-stage.ts';

const group = 'domain/test';

/** Flushed up to entry 3, then two entries more. */
async function flushedWithTail(): Promise<DomainStage> {
  const at = new DomainStage();
  await using domain = await at.open();
  for (const n of [1, 2, 3]) await domain.write([set(`${n}`, 'flushed')]);
  await domain.flush();
  await domain.write([set('3', 'tail'), set('4', 'tail')]);
  await domain.write([unset('1')]);
  return at;
}

const groupOf = (at: DomainStage) => {
  const state = at.log.disk.groups.get(group);
  if (state === undefined) throw new Error('the group is not there');
  return state;
};

async function refusal(at: DomainStage): Promise<ReturnType<typeof toEngineError>> {
  for (const flush of ['at-once', { everyMs: () => 1000 }] as const) {
    try {
      await at.open({ flush });
    } catch (error) {
      if (flush === 'at-once') continue;
      return toEngineError(error);
    }
  }
  throw new Error('it was opened');
}

describe('opening', () => {
  it('reads the recorded manifest and replays the tail behind it', async () => {
    const at = await flushedWithTail();
    await using domain = await at.open();
    expect(await rowsOf(domain)).toEqual(['2=flushed', '3=tail', '4=tail']);
    expect(domain.stats()).toMatchObject({
      term: 2,
      incarnation: 1,
      log: { end: 5, first: 4, tailEntries: 2, queuedBytes: 0 },
      flushEveryMs: 10_000,
      reopenings: 0,
      lsm: { appliedIndex: 5, coveredIndex: 3 },
    });
    expect(domain.manifest).toMatchObject({ coveredIndex: 3, prefix });
    expect(groupOf(at).entries.map(({ index }) => index)).toEqual([4, 5]);
  });

  it('skips entries that a trim had left behind the manifest', async () => {
    const at = new DomainStage();
    const domain = await at.open();
    await domain.write([set('a', '1')]);
    await domain.write([set('a', '2')]);
    at.onLog((operation) => (operation === 'trim' ? { kind: 'refused' } : undefined));
    await domain.flush();
    expect(domain.term).toBe(1);
    expect(groupOf(at).entries.length).toBe(2);
    at.onLog(undefined);
    await using again = await at.open();
    expect(await rowsOf(again)).toEqual(['a=2']);
    expect(again.stats().log).toMatchObject({ first: 1, end: 2, tailEntries: 0 });
    await again.write([set('b', '1')]);
    await again.flush();
    expect(again.stats().log).toMatchObject({ first: 4, end: 3 });
  });

  it('goes on with the directory of a broker that kept whole rows in its snapshots', async () => {
    const at = new DomainStage();
    const old = await at.openSimple();
    for (let n = 0; n < 40; n++) await old.write([set(`key ${n % 7}`, `${n}`)]);
    expect(groupOf(at).snapshot?.bytes.toString('latin1', 0, 4)).toBe('CTDS');
    expect(groupOf(at).entries.length).toBeGreaterThan(0);
    const rows = await rowsOf(old);
    for (const flush of [{ everyMs: () => 1000 }, 'at-once'] as const) {
      await using domain = await at.open({ flush });
      expect(await rowsOf(domain)).toEqual(rows);
    }
    expect(groupOf(at).snapshot?.bytes.toString('latin1', 0, 4)).toBe('CTDM');
    await using again = await at.open();
    expect(await rowsOf(again)).toEqual(rows);
    expect(again.stats().log.tailEntries).toBe(0);
  });

  it('reads a long tail in pieces', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: { everyMs: () => 1e9 } });
    at.cutOff();
    const value = 'x'.repeat(700_000);
    await Promise.all(['a', 'b', 'c'].map((key) => domain.write([set(key, value)])));
    at.crash();
    // With nothing flushed an opening needs nothing of the bucket.
    await using again = await at.open();
    expect((await again.scan({})).map((row) => row.value.length)).toEqual([700_000, 700_000, 700_000]);
    expect(again.stats().log).toMatchObject({ tailEntries: 3 });
    expect(again.stats().log.tailBytes).toBeGreaterThan(2_100_000);
  });
});

describe('a log that lost something', () => {
  const cases: [string, (at: DomainStage) => void][] = [
    [
      'an entry in the middle',
      (at) => {
        groupOf(at).entries.splice(0, 1);
      },
    ],
    [
      'the last entries',
      (at) => {
        groupOf(at).entries.pop();
      },
    ],
    [
      'an entry that does not match its checksum',
      (at) => {
        const entry = groupOf(at).entries[0]?.bytes as Buffer;
        entry[20] = (entry[20] as number) ^ 1;
      },
    ],
    [
      'its snapshot',
      (at) => {
        groupOf(at).snapshot = undefined;
      },
    ],
    [
      'bytes of its snapshot',
      (at) => {
        const snapshot = groupOf(at).snapshot as LogSnapshot;
        groupOf(at).snapshot = { ...snapshot, bytes: snapshot.bytes.subarray(0, -1) };
      },
    ],
    [
      'the meaning of its snapshot',
      (at) => {
        const snapshot = groupOf(at).snapshot as LogSnapshot;
        groupOf(at).snapshot = { ...snapshot, bytes: Buffer.from('CTXX and then something') };
      },
    ],
    [
      'the entries between snapshot and tail',
      (at) => {
        const state = groupOf(at);
        state.first = 5;
        state.entries.shift();
      },
    ],
    [
      'everything, while the bucket has manifests',
      (at) => {
        at.log.disk.groups.clear();
      },
    ],
    [
      'entries that its snapshot covers',
      (at) => {
        const state = groupOf(at);
        state.entries = [];
        state.first = 1;
        state.end = 0;
      },
    ],
    [
      'what its manifest covers',
      (at) => {
        const snapshot = groupOf(at).snapshot as LogSnapshot;
        groupOf(at).snapshot = { ...snapshot, index: 4 };
      },
    ],
  ];

  it.each(cases)('is refused: %s', async (_, damage) => {
    const at = await flushedWithTail();
    damage(at);
    const error = await refusal(at);
    expect(error).toMatchObject({ code: 'corrupt-log', kind: 'corruption', retryable: false });
    expect(error.hint).toContain('cloudtopics restore');
    expect(error.message).toContain('domain/test');
  });

  it('may be that of another cluster', async () => {
    const at = await flushedWithTail();
    const snapshot = groupOf(at).snapshot as LogSnapshot;
    const bytes = Buffer.from(snapshot.bytes);
    expect(bytes.includes(prefix)).toBe(true);
    const { ref } = decodeRecordedManifest(bytes, 'test');
    groupOf(at).snapshot = { ...snapshot, bytes: encodeRecordedManifest({ ref, prefix: 'other/domain/test/' }) };
    expect(await refusal(at)).toMatchObject({
      code: 'corrupt-log',
      context: { expected: prefix, found: 'other/domain/test/' },
    });
  });
});

describe('a bucket that lost something', () => {
  it('is named, with the key', async () => {
    const at = await flushedWithTail();
    const [key] = await at.manifestKeys();
    await at.bucket.deleteMany([key as string]);
    expect(await refusal(at)).toMatchObject({ code: 'object-not-found', context: { key } });
  });

  it('is named when the manifest is torn', async () => {
    const at = await flushedWithTail();
    const [key] = await at.manifestKeys();
    const { bytes } = await at.bucket.get(key as string);
    await at.bucket.put(key as string, [bytes.subarray(0, -1)]);
    expect(await refusal(at)).toMatchObject({ code: 'corrupt-object', context: { key } });
  });

  it('is named when a table is missing, by whoever reads it', async () => {
    const at = await flushedWithTail();
    const [key] = await at.tableKeys();
    await at.bucket.deleteMany([key as string]);
    await using domain = await at.open();
    await expect(domain.get('2')).rejects.toMatchObject({ code: 'object-not-found', context: { key } });
    expect((await domain.get('4'))?.toString()).toBe('tail');
  });
});

describe('an opening that fails', () => {
  it('ends, also while the log refuses what a merge of tables would have it record', async () => {
    const at = new DomainStage();
    const rules = { ...tinyRules, level0Trigger: 40 };
    const domain = await at.open({ rules });
    for (let n = 0; n < 3; n++) {
      await domain.write([set('a', `${n}`)]);
      await domain.flush();
    }
    await domain.write([set('a', 'tail')]);
    await domain[Symbol.asyncDispose]();
    const refused = Promise.withResolvers<void>();
    at.onLog((operation) => {
      if (operation !== 'snapshot') return undefined;
      refused.resolve();
      return { kind: 'refused' };
    });
    at.log.read = async () => {
      await refused.promise;
      for (let turns = 0; turns < 10; turns++) await turn();
      throw new EngineError('log-unavailable', 'the log cannot be read');
    };
    expect(await refusal(at)).toMatchObject({ code: 'log-unavailable' });
  });
});

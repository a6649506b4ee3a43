import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { newestSequence, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { Snapshots } from '../../../../src/engine/lsm/db/snapshots.ts';
import { Memtable, olderOverheadBytes, rowOverheadBytes } from '../../../../src/engine/lsm/memtable/memtable.ts';
import { ListedCursor, shown, walkTogether } from '../db/listed-versions.ts';

const seeds = Array.from({ length: 12 }, (_, seed) => seed);

function dice(seed: number) {
  const random = seededRandom(seed);
  return (below: number) => Math.floor(random.fraction() * below);
}

function versionsOf(memtable: Memtable): Version[] {
  const cursor = memtable.cursor();
  const versions: Version[] = [];
  for (void cursor.first(); cursor.valid; void cursor.next()) {
    const { key, sequence, deleted } = cursor;
    versions.push({ key, sequence, value: deleted ? undefined : cursor.value() });
  }
  return versions;
}

const bytesOf = (versions: readonly Version[]) =>
  versions.reduce((sum, { key, value }, at) => {
    const overhead = versions[at - 1]?.key === key ? olderOverheadBytes : key.length + rowOverheadBytes;
    return sum + overhead + (value === undefined ? 0 : value.length + 4);
  }, 0);

/** Every version that was ever put, so that what reads should see can be looked up. */
class History {
  readonly versions: Version[] = [];

  visible(key: string, sequence: number): Version | undefined {
    return this.versions.findLast((version) => version.key === key && version.sequence <= sequence);
  }
}

describe('a memtable', () => {
  it.each(seeds)('answers every live reader from all that was put, and keeps no more: seed %i', (seed) => {
    const pick = dice(seed);
    const snapshots = new Snapshots();
    const memtable = new Memtable((from, below) => snapshots.anyIn(from, below));
    const history = new History();
    const held: number[] = [];
    const keys = Array.from({ length: 5 + pick(30) }, (_, at) => `key${at}`);
    for (let sequence = 1; sequence <= 400; sequence++) {
      for (let changes = 1 + pick(3); changes > 0; changes--) {
        const key = keys[pick(keys.length)] as string;
        const value = pick(5) === 0 ? undefined : Buffer.from(`v${sequence}/${changes}`);
        memtable.put(key, sequence, value);
        history.versions.push({ key, sequence, value });
      }
      if (pick(10) === 0) {
        held.push(sequence);
        snapshots.hold(sequence);
      }
      if (held.length > 0 && pick(14) === 0) snapshots.release(held.splice(pick(held.length), 1)[0] as number);
      for (const at of [...held, newestSequence]) {
        const key = keys[pick(keys.length)] as string;
        const expected = history.visible(key, at);
        const found = memtable.find(key, at);
        expect([found?.sequence, found?.value?.toString('latin1')]).toEqual([
          expected?.sequence,
          expected?.value?.toString('latin1'),
        ]);
      }
    }
    const kept = versionsOf(memtable);
    expect([memtable.rows, memtable.bytes]).toEqual([kept.length, bytesOf(kept)]);
    // A version that nobody reads may linger until its key is put again, so only the newest are exact where nobody reads at all.
    for (const sequence of held.splice(0)) snapshots.release(sequence);
    for (const key of keys) memtable.put(key, 401, undefined);
    expect(versionsOf(memtable)).toEqual(keys.toSorted().map((key) => ({ key, sequence: 401, value: undefined })));
    expect(memtable.bytes).toBe(bytesOf(versionsOf(memtable)));
  });

  it.each(['in order', 'in reverse order', 'in any order'] as const)('holds many rows that come %s', (order) => {
    const pick = dice(3);
    const rows = Array.from({ length: 20_000 }, (_, at) => ({
      key: at.toString(36).padStart(4, '0'),
      rank: pick(1e9),
    }));
    if (order === 'in reverse order') rows.reverse();
    if (order === 'in any order') rows.sort((a, b) => a.rank - b.rank);
    const memtable = new Memtable();
    for (const [at, { key }] of rows.entries()) memtable.put(key, at + 1, Buffer.from(key));
    const sorted = rows.map(({ key }) => key).sort();
    expect(versionsOf(memtable).map(({ key }) => key)).toEqual(sorted);
    const cursor = memtable.cursor();
    const back: string[] = [];
    for (void cursor.last(); cursor.valid; void cursor.previous()) back.push(cursor.key);
    expect(back.reverse()).toEqual(sorted);
    expect(rows.every(({ key }) => memtable.find(key, newestSequence)?.value?.toString('latin1') === key)).toBe(true);
    expect(memtable.find('zzzzz', newestSequence)).toBeUndefined();
    expect(memtable.find('', newestSequence)).toBeUndefined();
  });

  it.each(seeds)('has cursors that walk like a sorted list, both ways: seed %i', async (seed) => {
    const pick = dice(seed);
    const memtable = new Memtable(() => true);
    const versions: Version[] = [];
    const keys = Array.from({ length: 1 + pick(300) }, (_, at) => `k${at}`);
    for (let sequence = 1; sequence < 50; sequence++) {
      for (const key of keys) {
        if (pick(10) > 0) continue;
        const value = pick(3) === 0 ? undefined : Buffer.from(`v${sequence}`);
        memtable.put(key, sequence, value);
        versions.push({ key, sequence, value });
      }
    }
    expect(await walkTogether(memtable.cursor(), new ListedCursor(versions), pick, keys, 400)).toEqual([]);
  });

  it.each(seeds)('has cursors that stay right while others put: seed %i', (seed) => {
    const pick = dice(seed);
    const snapshots = new Snapshots();
    const memtable = new Memtable((from, below) => snapshots.anyIn(from, below));
    const keys = Array.from({ length: 600 }, (_, at) => `k${at.toString().padStart(3, '0')}`);
    const before: Version[] = [];
    for (const key of keys.filter(() => pick(3) === 0)) {
      memtable.put(key, 1, Buffer.from('before'));
      before.push({ key, sequence: 1, value: Buffer.from('before') });
    }
    snapshots.hold(1);
    // It sees what is put meanwhile as well; what was there before has to come exactly once, in order.
    const cursor = memtable.cursor();
    const up = pick(2) === 0;
    const met: string[] = [];
    for (void (up ? cursor.first() : cursor.last()); cursor.valid; void (up ? cursor.next() : cursor.previous())) {
      for (let puts = pick(8); puts > 0; puts--) {
        const sequence = 2 + met.length;
        memtable.put(keys[pick(keys.length)] as string, sequence, Buffer.from('after'));
      }
      if (cursor.sequence === 1) met.push(`${cursor.key}=${cursor.value().toString('latin1')}`);
      if (met.length > keys.length) break;
    }
    const expected = before.map(({ key }) => `${key}=before`);
    expect(met).toEqual(up ? expected : expected.reverse());
  });

  it('lets a cursor go on from a version that was dropped under it', () => {
    const memtable = new Memtable();
    for (const key of ['a', 'b', 'c']) memtable.put(key, 1, Buffer.from('old'));
    const cursor = memtable.cursor();
    void cursor.seek('b', newestSequence);
    memtable.put('b', 2, Buffer.from('new'));
    memtable.put('bb', 3, Buffer.from('between'));
    expect(shown(cursor)).toBe('b@1=old');
    void cursor.next();
    expect(shown(cursor)).toBe('bb@3=between');
    void cursor.previous();
    expect(shown(cursor)).toBe('b@2=new');
  });

  it.each(seeds)(
    'filled with the tail of a log at once is what it is when rows are put one by one: seed %i',
    (seed) => {
      const pick = dice(seed);
      const entries = Array.from({ length: pick(3000) }, (_, at) => ({
        index: at + 1,
        changes: Array.from({ length: pick(4) }, () => ({
          key: `${'prefix/'.repeat(pick(3))}${pick(1500).toString(2 + (seed % 30))}`,
          value: pick(6) === 0 ? undefined : new Uint8Array([pick(256), pick(256)]),
        })),
      }));
      const filled = Memtable.fromEntries(entries);
      const put = new Memtable();
      for (const { index, changes } of entries) for (const { key, value } of changes) put.put(key, index, value);
      expect(versionsOf(filled)).toEqual(versionsOf(put));
      expect([filled.rows, filled.bytes]).toEqual([put.rows, put.bytes]);
      for (let more = 0; more < 2000; more++) {
        const key = pick(5000).toString(36);
        filled.put(key, 4000, Buffer.from(key));
        put.put(key, 4000, Buffer.from(key));
      }
      expect(versionsOf(filled)).toEqual(versionsOf(put));
      for (const { key } of versionsOf(put)) {
        expect(filled.find(key, newestSequence)).toEqual(put.find(key, newestSequence));
      }
    },
  );

  it.each(seeds)(
    'orders keys by their bytes, whatever those are and however long they are in common: seed %i',
    (seed) => {
      const pick = dice(seed);
      const alphabet = ['\0', 'a', '\xff'];
      // Long beginnings that many share, and keys that begin other keys, also with zeros behind.
      const beginnings = Array.from({ length: 1 + pick(20) }, () => alphabet[pick(3)]?.repeat(pick(30)) ?? '');
      const randomKey = (): string => {
        const end = Array.from({ length: 1 + pick(14) }, () => alphabet[pick(3)]).join('');
        return `${beginnings[pick(beginnings.length)]}${end}`;
      };
      const entries = Array.from({ length: 3000 }, (_, at) => ({
        index: at + 1,
        changes: [{ key: randomKey(), value: Buffer.from([at & 255]) }],
      }));
      const put = new Memtable();
      const newest = new Map<string, Version>();
      for (const { index, changes } of entries) {
        for (const { key, value } of changes) {
          put.put(key, index, value);
          newest.set(key, { key, sequence: index, value });
        }
      }
      const expected = [...newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(versionsOf(put)).toEqual(expected);
      expect(versionsOf(Memtable.fromEntries(entries))).toEqual(expected);
      for (let look = 0; look < 500; look++) {
        const key = randomKey();
        expect(put.find(key, newestSequence)?.sequence).toBe(newest.get(key)?.sequence);
      }
    },
  );

  it.each([0, 1, 100, 8_000, 8_192, 70_000, 1_048_576])(
    'keeps values of %i bytes as they were given, copied',
    (length) => {
      const random = seededRandom(length);
      const memtable = new Memtable();
      const values = Array.from({ length: length > 10_000 ? 5 : 500 }, () => random.bytes(length));
      const given = values.map((value) => Buffer.from(value));
      for (const [at, value] of given.entries()) {
        memtable.put(`k${at}`, 1, value);
        value.fill(0);
      }
      const views = values.map((_, at) => memtable.find(`k${at}`, 1)?.value);
      for (const at of values.keys()) memtable.put(`k${at}`, 2, Buffer.from('other'));
      expect(views).toEqual(values);
      // Whoever holds on to a value does not hold megabytes with it.
      for (const view of views) expect(view?.buffer.byteLength).toBeLessThanOrEqual(Math.max(65_536, length + 4));
    },
  );

  it.each(seeds.slice(0, 4))('lets overwritten values go under live readers and cursors: seed %i', (seed) => {
    const pick = dice(seed);
    const random = seededRandom(seed);
    const snapshots = new Snapshots();
    const memtable = new Memtable((from, below) => snapshots.anyIn(from, below));
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`);
    const history = new History();
    const put = (key: string, sequence: number) => {
      const value = random.bytes(pick(4000));
      memtable.put(key, sequence, value);
      history.versions.push({ key, sequence, value });
    };
    for (const key of keys) put(key, 1);
    snapshots.hold(1);
    const roomsMet = new Set([memtable.values]);
    let takenBytesMax = 0;
    const cursor = memtable.cursor();
    void cursor.first();
    let sequence = 1;
    for (let round = 0; round < 40; round++) {
      const standsOn = history.versions.find((one) => one.key === cursor.key && one.sequence === cursor.sequence);
      for (let puts = 0; puts < 20; puts++) put(keys[pick(keys.length)] as string, ++sequence);
      roomsMet.add(memtable.values);
      takenBytesMax = Math.max(takenBytesMax, memtable.values.bytes - memtable.bytes);
      expect(cursor.value()).toEqual(standsOn?.value);
      for (const key of keys) expect(memtable.find(key, 1)?.value).toEqual(history.visible(key, 1)?.value);
      void cursor.next();
      if (!cursor.valid) void cursor.first();
    }
    expect(roomsMet.size).toBeGreaterThan(5);
    expect(takenBytesMax).toBeLessThan(66_000 + memtable.bytes);
    for (const key of keys) {
      expect(memtable.find(key, newestSequence)?.value).toEqual(history.visible(key, newestSequence)?.value);
    }
  });

  it('refuses sequences that go down', () => {
    const memtable = new Memtable();
    memtable.put('a', 5, undefined);
    expect(() => memtable.put('a', 4, undefined)).toThrow('came behind');
    expect([memtable.rows, memtable.find('a', 9)?.sequence]).toEqual([1, 5]);
    const entry = (index: number) => ({ index, changes: [] });
    expect(() => Memtable.fromEntries([entry(2), entry(1)])).toThrow('came behind');
  });

  it('holds nothing at first', () => {
    const memtable = new Memtable();
    const cursor = memtable.cursor();
    void cursor.first();
    expect([cursor.valid, memtable.rows, memtable.bytes]).toEqual([false, 0, 0]);
    void cursor.last();
    expect(cursor.valid).toBe(false);
    void cursor.seekBefore('a', 1);
    expect(cursor.valid).toBe(false);
    memtable.put('a', 1, undefined);
    void cursor.first();
    expect(shown(cursor)).toBe('a@1=deleted');
  });
});

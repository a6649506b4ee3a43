import { describe, expect, it } from 'vitest';
import {
  clusterEpoch,
  incarnation,
  noStamp,
  offset,
  term,
  timestampMs,
  topicId,
} from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { SlabPool } from '../../../src/engine/base/slab-pool.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type L0Source, L0Writer, type SealRules } from '../../../src/engine/l0/l0.ts';
import { decodeL0Object } from '../../../src/engine/l0/l0-object-format.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { Body } from '../../../src/engine/store/object-store.ts';
import { makeBatch } from '../../support/record-batches.ts';

const seal: SealRules = {
  bytesMax: 1_000_000,
  partitionsMax: 1000,
  batchesMax: 8000,
  interval: 'when-idle',
  gatherMs: 1,
};

/** A store whose PUTs finish when told to. */
class SlowStore extends MemoryStore {
  readonly finish: (() => void)[] = [];

  override async put(key: string, body: Body) {
    await new Promise<void>((resolve) => this.finish.push(resolve));
    return super.put(key, body);
  }
}

function setUp(rules: Partial<SealRules> = {}, putsMax = 2) {
  const clock = new VirtualClock();
  const store = new SlowStore({ clock });
  const slabs = new SlabPool({ slabBytes: 100_000, bytesMax: 1_000_000 });
  const writer = new L0Writer({
    store,
    clusterId: '11111111-1111-4111-8111-111111111111',
    shards: 2,
    seal: { ...seal, ...rules },
    putsMax,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    clusterEpoch: () => clusterEpoch(4),
    confirmOwnership: async () => {},
    defer: (run) => queueMicrotask(run),
  });
  const uploaded: number[] = [];
  const source = (index: number, epoch = 1): L0Source => ({
    topicId: topicId('22222222-2222-4222-8222-222222222222'),
    index,
    highWatermark: offset(0),
    logStartOffset: offset(0),
    clusterEpochMin: clusterEpoch(epoch),
    shareUploaded: () => uploaded.push(index),
    shareFailed: () => {},
  });
  const stage = (to: L0Source) => {
    const bytes = makeBatch({ payload: `of ${to.index}` });
    const records = slabs.allocate(bytes.length);
    if (records === undefined) throw new Error('the pool is too small');
    records.bytes.set(bytes);
    writer.stage(to, {
      records,
      stamp: { incarnation: incarnation(1), term: term(1), attempt: 0 },
      link: noStamp,
      baseOffset: offset(0),
      lastOffset: offset(0),
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      count: 1,
      attributes: 0,
      maxTimestamp: timestampMs(1),
    });
    records.unpin();
  };
  const keys = async () => {
    const found = [];
    for await (const { key } of store.list({ prefix: '' })) found.push(key);
    return found;
  };
  return { clock, store, slabs, writer, uploaded, source, stage, keys };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the L0 writer', () => {
  it('gathers what comes while an upload is in flight, and uploads it then', async () => {
    const { clock, store, writer, stage, source, uploaded } = setUp();
    stage(source(0));
    await settle();
    stage(source(1));
    stage(source(2));
    await settle();
    expect(store.finish).toHaveLength(1);
    store.finish.shift()?.();
    await settle();
    expect(uploaded).toEqual([0]);
    await clock.advance(1);
    expect(store.finish).toHaveLength(1);
    store.finish.shift()?.();
    await writer.drain();
    expect(uploaded).toEqual([0, 1, 2]);
  });

  it('waits a little behind an upload for what its answers bring, and then for nothing', async () => {
    const { clock, store, writer, stage, source, uploaded } = setUp();
    stage(source(0));
    await settle();
    stage(source(1));
    store.finish.shift()?.();
    await settle();
    expect(store.finish).toHaveLength(0);
    stage(source(2));
    await clock.advance(1);
    expect(store.finish).toHaveLength(1);
    store.finish.shift()?.();
    await writer.drain();
    expect(uploaded).toEqual([0, 1, 2]);
    stage(source(3));
    await settle();
    expect(store.finish).toHaveLength(1);
    store.finish.shift()?.();
    await writer.drain();
  });

  it('waits for the window on a remote store', async () => {
    const { clock, store, stage, source } = setUp({ interval: 250 });
    stage(source(0));
    await clock.advance(249);
    expect(store.finish).toHaveLength(0);
    await clock.advance(1);
    expect(store.finish).toHaveLength(1);
  });

  it('keeps to its PUTs at a time however many objects are sealed in one turn, and uploads all', async () => {
    const { store, writer, stage, source, uploaded } = setUp({ bytesMax: 1 }, 2);
    for (let index = 0; index < 7; index++) stage(source(index));
    for (let round = 0; round < 7; round++) {
      await settle();
      expect(store.finish.length).toBeLessThanOrEqual(2);
      expect(store.finish.length).toBeGreaterThanOrEqual(1);
      store.finish.shift()?.();
    }
    await writer.drain();
    expect(uploaded.sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('names the object by the greatest epoch concerned, and spreads objects over shards', async () => {
    const { store, writer, stage, source, keys } = setUp();
    stage(source(0, 9));
    stage(source(1, 2));
    await settle();
    store.finish.shift()?.();
    await settle();
    stage(source(1, 2));
    await settle();
    store.finish.shift()?.();
    await writer.drain();
    const shapes = (await keys()).map((key) => key.split('/').slice(1, 4).join('/'));
    expect(shapes).toEqual(['level_zero/000/00000000000000000009', 'level_zero/001/00000000000000000004']);
  });

  it('writes objects that explain themselves, and gives the memory back', async () => {
    const { store, slabs, writer, stage, source, keys } = setUp();
    stage(source(3));
    await settle();
    store.finish.shift()?.();
    await writer.drain();
    const [key] = await keys();
    const { bytes } = await store.get(key as string);
    const [partition] = decodeL0Object(bytes, key as string).partitions;
    expect(partition?.index).toBe(3);
    const batch = partition?.batches[0];
    expect(bytes.toString('utf8', (batch?.position ?? 0) + 61, (batch?.position ?? 0) + (batch?.length ?? 0))).toBe(
      'of 3',
    );
    // Only the slab that is being filled is held.
    expect(slabs.pinnedBytes).toBeLessThanOrEqual(100_000);
  });
});

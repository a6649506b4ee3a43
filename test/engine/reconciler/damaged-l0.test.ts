import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset } from '../../../src/engine/base/ids.ts';
import { decodeL0Object } from '../../../src/engine/l0/l0-object-format.ts';
import { isControl } from '../../../src/engine/records/record-batch-format.ts';
import { topic } from '../partition/write-path-world.ts';
import { named, payloads, produceMany, world } from './history-world.ts';

describe('L0 data that is damaged or gone', () => {
  it('a batch that is damaged in L0 is carried as it is, and stops nobody', async () => {
    const made = await world(2, (one) => {
      one.settings.enabled = false;
    });
    await produceMany(made, named(3));
    await produceMany(made, named(3, 'other'), 1);
    made.forgetBatchCache();
    const { key, bytes } = (await made.footers()).find(
      ({ footer }) => footer.partitions[0]?.index === 0 && footer.partitions[0]?.batches[0]?.baseOffset === 1,
    ) as { key: string; bytes: Buffer };
    const damaged = Buffer.from(bytes);
    const [batch] = decodeL0Object(bytes, key).partitions[0]?.batches ?? [];
    damaged.fill(0, batch?.position ?? 0, (batch?.position ?? 0) + 21);
    damaged[(batch?.position ?? 0) + 61] = 0xff;
    // The year 9000: retention by time would never get behind it.
    damaged.writeBigInt64BE(221_845_000_000_000n, (batch?.position ?? 0) + 35);
    await made.bucket.put(key, [damaged]);
    made.settings.enabled = true;
    await made.settle();
    expect(made.reconciler.counters.poisonBatches).toBe(1);
    const found = await made.fetchAll();
    expect(found.map((one) => one.baseOffset)).toEqual([0, 1, 2]);
    expect([found[0]?.payload, found[2]?.payload]).toEqual(['r0', 'r2']);
    const extent = await made.metastore.firstExtentAtOrAbove({ topicId: topic, partition: 0 }, offset(0));
    expect(extent?.maxTimestamp).toBe(1_700_000_000_000);
    expect(payloads(await made.fetchAll(1))).toEqual(named(3, 'other'));
  });

  it('bytes that are hit on their way, however often, are not taken for damage: they are sound where they lie', async () => {
    const made = await world(1, (one) => {
      one.settings.enabled = false;
    });
    await produceMany(made, named(3));
    made.forgetBatchCache();
    const get = made.bucket.get.bind(made.bucket);
    let hits = 0;
    made.bucket.get = async (key, options) => {
      const found = await get(key, options);
      if (!key.includes('/level_zero/') || hits === 5) return found;
      const bytes = Buffer.from(found.bytes);
      bytes[61] = ++hits;
      return { ...found, bytes };
    };
    made.settings.enabled = true;
    await made.settle();
    expect([hits, made.reconciler.counters.poisonBatches]).toEqual([5, 0]);
    expect(payloads(await made.fetchAll())).toEqual(named(3));
  });

  it('an L0 object that is gone holds up its partition alone, which says so; an operator may give it up', async () => {
    const made = await world(2, (one) => {
      one.settings.enabled = false;
    });
    await produceMany(made, named(3));
    await produceMany(made, named(3, 'other'), 1);
    made.forgetBatchCache();
    const lost = (await made.footers()).find(
      ({ footer }) => footer.partitions[0]?.index === 0 && footer.partitions[0]?.batches[0]?.baseOffset === 1,
    );
    await made.bucket.deleteMany([lost?.key ?? '']);
    made.settings.enabled = true;
    await made.clock.advance(5000);
    expect([made.leader(0).reconciledEnd, made.leader(1).reconciledEnd]).toEqual([1, 3]);
    const problem = made.reconciler.schedules().get(topic)?.problems.get(made.leader(0));
    expect(problem?.code).toBe('object-not-found');
    made.settings.skipMissing = true;
    await made.settle();
    expect((await made.fetchAll()).map((one) => one.baseOffset)).toEqual([0, 2]);
    expect([...(made.reconciler.schedules().get(topic)?.problems.values() ?? [])]).toEqual([]);
    expect(await made.findings()).toEqual([]);
  });

  it.each(['in the middle of a batch', 'between batches'])(
    'an L0 object that was cut short %s loses what lay behind its end, and nothing before it',
    async (place) => {
      const made = await world(1, (one) => {
        one.settings.enabled = false;
        one.seal = { ...one.seal, interval: 10, bytesMax: 1024 * 1024 };
      });
      const all = Promise.all(named(3).map((payload) => made.produce({ payload })));
      await made.clock.advance(20);
      await all;
      made.forgetBatchCache();
      const [object] = await made.footers();
      const key = object?.key ?? '';
      const second = object?.footer.partitions[0]?.batches[1]?.position ?? 0;
      const { bytes } = await made.bucket.get(key);
      await made.bucket.put(key, [bytes.subarray(0, place === 'between batches' ? second : second + 10)]);
      made.settings.enabled = true;
      await made.clock.advance(5000);
      expect(made.leader().reconciledEnd).toBe(1);
      const problem = made.reconciler.schedules().get(topic)?.problems.get(made.leader());
      expect([problem?.code, problem?.message]).toEqual([
        'corrupt-object',
        expect.stringContaining('ends before byte'),
      ]);
      made.settings.skipMissing = true;
      await made.settle();
      expect((await made.fetchAll())[0]).toMatchObject({ baseOffset: 0, payload: 'r0' });
      using behind = await made.readFrom(1, 1000);
      expect(behind.parts.map((one) => isControl(one.readInt16BE(21)))).toEqual([true]);
      expect(made.leader().reconciledEnd).toBe(3);
      expect([...(made.reconciler.schedules().get(topic)?.problems.values() ?? [])]).toEqual([]);
      expect(await made.findings()).toEqual([]);
    },
  );

  it('many batches behind the end of an object cost two GETs of it, not two for each', async () => {
    const made = await world(1, (one) => {
      one.settings.enabled = false;
      one.settings.skipMissing = true;
      one.seal = { ...one.seal, interval: 10, bytesMax: 1024 * 1024 };
    });
    const all = Promise.all(named(40).map((payload) => made.produce({ payload })));
    await made.clock.advance(20);
    await all;
    made.forgetBatchCache();
    const [object] = await made.footers();
    const key = object?.key ?? '';
    const { bytes } = await made.bucket.get(key);
    await made.bucket.put(key, [bytes.subarray(0, 100)]);
    const before = made.l0Gets.length;
    made.settings.enabled = true;
    await made.settle();
    expect([made.leader().reconciledEnd, made.l0Gets.length - before]).toEqual([40, 2]);
  });

  it('what the store refuses for another reason than its end is given up by nobody', async () => {
    const made = await world(1, (one) => {
      one.settings.enabled = false;
      one.settings.skipMissing = true;
    });
    await produceMany(made, named(3));
    made.forgetBatchCache();
    const get = made.bucket.get.bind(made.bucket);
    let refuses = true;
    made.bucket.get = async (key, options) => {
      if (refuses && key.includes('/level_zero/')) throw new EngineError('usage', 'the key of the bucket is disabled');
      return get(key, options);
    };
    made.settings.enabled = true;
    await made.clock.advance(5000);
    expect(made.leader().reconciledEnd).toBe(0);
    expect(made.reconciler.schedules().get(topic)?.problems.get(made.leader())?.code).toBe('usage');
    refuses = false;
    await made.settle();
    expect(payloads(await made.fetchAll())).toEqual(named(3));
  });
});

import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { FooterCache } from '../../../src/engine/l1/footer-cache.ts';
import type { L1Place } from '../../../src/engine/l1/l1.ts';
import { batchOf, clusterId, L1Stage } from './l1-stage.ts';

/** Objects with as many sections, and so as large footers. */
async function staged(objects: number, sections: number): Promise<{ stage: L1Stage; places: L1Place[] }> {
  const stage = new L1Stage();
  const places: L1Place[] = [];
  for (let at = 0; at < objects; at++) {
    const plans = Array.from({ length: sections }, (_, partition) => {
      return { partition, base: at, last: at, batches: [batchOf(at)] };
    });
    places.push((await stage.object(plans))[0] as L1Place);
  }
  return { stage, places };
}

const cacheOf = ({ store }: L1Stage, bytesMax: number) =>
  new FooterCache({ store, clusterId, logger: silentLogger, bytesMax });

describe('the footer cache', () => {
  it('keeps footers within its bytes, those that were used last', async () => {
    const { stage, places } = await staged(40, 10);
    const cache = cacheOf(stage, 20_000);
    const open = ({ objectId, object }: L1Place) => cache.open(objectId, object);
    await open(places[0] as L1Place);
    for (const place of places) {
      await open(place);
      await open(places[0] as L1Place);
      expect(cache.bytes).toBeLessThanOrEqual(20_000);
    }
    expect(cache.bytes).toBeGreaterThan(10_000);
    expect(open(places[0] as L1Place)).not.toBeInstanceOf(Promise);
    expect(open(places.at(-1) as L1Place)).not.toBeInstanceOf(Promise);
    expect(open(places[1] as L1Place)).toBeInstanceOf(Promise);
  });

  it('has no more under way than its bytes allow, and reads one that is too large for it alone', async () => {
    const { stage, places } = await staged(10, 40);
    let underWay = 0;
    let most = 0;
    stage.onGet = async (_get, go) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return await go();
    };
    const cache = cacheOf(stage, 8000);
    const opened = await Promise.all(places.map(({ objectId, object }) => cache.open(objectId, object)));
    expect(opened.map(({ footer }) => footer.sectionCount)).toEqual(places.map(() => 40));
    expect(most).toBe(1);
    expect(cache.bytes).toBeLessThanOrEqual(8000);
  });

  it('forgets what it is told to', async () => {
    const { stage, places } = await staged(1, 1);
    const [{ objectId, object }] = places as [L1Place];
    const cache = cacheOf(stage, 20_000);
    await cache.open(objectId, object);
    cache.forget(objectId);
    cache.forget(objectId);
    expect(cache.bytes).toBe(0);
    await cache.open(objectId, object);
    expect(stage.gets.length).toBe(2);
  });
});

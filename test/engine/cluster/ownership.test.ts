import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { incarnation } from '../../../src/engine/base/ids.ts';
import {
  claimClusterName,
  findCluster,
  listClusters,
  ownerKey,
  readOwner,
} from '../../../src/engine/cluster/cluster-directory.ts';
import { encodeOwner } from '../../../src/engine/cluster/owner-format.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import { OwnershipFixture } from './ownership-fixture.ts';

const timeout = () => new EngineError('store-timeout', 'no answer');

describe('starting', () => {
  it('creates a cluster that does not exist', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    const ownership = await at.take(log);
    expect(ownership).toMatchObject({ clusterName: 'default', incarnation: 1, startCounter: 1, leaseMs: 15_000 });
    expect(await findCluster(at.store, 'default')).toEqual({ name: 'default', clusterId: ownership.clusterId });
    expect(await findCluster(at.store, ownership.clusterId)).toEqual({
      name: 'default',
      clusterId: ownership.clusterId,
    });
    const found = await readOwner(at.store, ownership.clusterId);
    expect(found?.owner).toMatchObject({ logIdentity: log.identity, incarnation: 1, start: { counter: 1 } });
    await ownership.confirm();
  });

  it('raises the start counter with every start, by name or by id, and takes a new lease length', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    const { clusterId } = await at.take(log);
    expect(await at.take(log)).toMatchObject({ clusterId, startCounter: 2, incarnation: 1 });
    expect(await at.take(log, { cluster: clusterId, leaseMs: 3000 })).toMatchObject({ startCounter: 3, leaseMs: 3000 });
    expect(await at.take(log)).toMatchObject({ startCounter: 4, leaseMs: 3000 });
  });

  it('keeps two clusters in one store apart', async () => {
    const at = new OwnershipFixture();
    const left = await at.take(at.newLog(), { cluster: 'left' });
    const right = await at.take(at.newLog(), { cluster: 'right' });
    expect(left.clusterId).not.toBe(right.clusterId);
    expect((await listClusters(at.store)).map((cluster) => cluster.name)).toEqual(['left', 'right']);
    await left.confirm();
    await right.confirm();
  });

  it('refuses names that are none, and ids that no cluster has', async () => {
    const at = new OwnershipFixture();
    for (const cluster of ['', 'a/b', '..', '-x', 'x'.repeat(101)]) {
      await expect(at.take(at.newLog(), { cluster })).rejects.toMatchObject({ code: 'usage' });
    }
    const cluster = '11111111-1111-4111-8111-111111111111';
    await expect(at.take(at.newLog(), { cluster })).rejects.toMatchObject({ code: 'cluster-not-found' });
    expect(at.calls.filter((call) => call.startsWith('put'))).toEqual([]);
  });
});

describe('a directory that does not match is refused, by name', () => {
  const refused = async (at: OwnershipFixture, log: MemoryLog, why: string, cluster = 'default') => {
    const before = at.calls.filter((call) => call.startsWith('put')).length;
    const error = await at.take(log, { cluster }).then(
      () => undefined,
      (reason: unknown) => reason as EngineError,
    );
    expect(error).toMatchObject({ code: 'owner-mismatch', kind: 'fenced', context: { case: why } });
    expect(error?.hint).toMatch(/restore|--data-dir|--cluster|--store|data directory/);
    expect(at.calls.filter((call) => call.startsWith('put')).length).toBe(before);
    return error as EngineError;
  };

  it('a fresh one on a cluster that exists', async () => {
    const at = new OwnershipFixture();
    await at.take(at.newLog());
    const error = await refused(at, at.newLog(), 'fresh-directory');
    expect(error.hint).toContain('cloudtopics restore --cluster default');
  });

  it('a copy that was left behind, and the original once a copy has started', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await at.take(log);
    const copy = new MemoryLog({ disk: log.disk.copy() });
    await at.take(log);
    await refused(at, copy, 'stale-directory');

    const second = new MemoryLog({ disk: log.disk.copy() });
    const original = await at.take(log);
    await refused(at, second, 'stale-directory');
    const third = new MemoryLog({ disk: log.disk.copy() });
    await at.take(third);
    await refused(at, log, 'stale-directory');
    await expect(original.refresh()).rejects.toMatchObject({ code: 'fenced-owner' });
  });

  it('the directory of another cluster', async () => {
    const at = new OwnershipFixture();
    const left = at.newLog();
    await at.take(left, { cluster: 'left' });
    await at.take(at.newLog(), { cluster: 'right' });
    const error = await refused(at, left, 'other-cluster', 'right');
    expect(error.message).toContain('belongs to cluster left');
    await refused(at, left, 'other-cluster', 'not-there-yet');
  });

  it('a directory whose cluster is not in the store', async () => {
    const here = new OwnershipFixture();
    const log = here.newLog();
    await here.take(log);
    await refused(new OwnershipFixture(), log, 'cluster-missing');
  });

  it('the directory of before a restore', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    const ownership = await at.take(log);
    const found = await readOwner(at.store, ownership.clusterId);
    const restored = { ...(found?.owner as NonNullable<typeof found>['owner']), incarnation: incarnation(2) };
    await at.store.put(ownerKey(ownership.clusterId), [encodeOwner(restored)]);
    await refused(at, log, 'restored-elsewhere');
  });

  it('a log that is not the one in OWNER', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await at.take(log);
    const other = at.newLog();
    await other.writeMeta('owner', await log.readMeta('owner'));
    await refused(at, other, 'other-log');
  });

  it('a log that holds data and does not say whose', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await log.open(['domain/control']);
    await refused(at, log, 'unknown-log');
    await at.take(at.newLog());
    await refused(at, log, 'unknown-log');
  });

  it('a cluster whose OWNER object is gone is an error with a name, not a new cluster', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    const { clusterId } = await at.take(log);
    await at.store.deleteMany([ownerKey(clusterId)]);
    await expect(at.take(log)).rejects.toMatchObject({ code: 'object-not-found' });
  });
});

describe('crashes while starting', () => {
  /** Starts once undisturbed to count the writes, then again and again with a crash before and after each of them. */
  const everyCrash = async (prepare: (at: OwnershipFixture) => Promise<MemoryLog>) => {
    for (let crashAt = 0; ; crashAt++) {
      for (const effect of [true, false]) {
        const at = new OwnershipFixture();
        let log = await prepare(at);
        let writes = 0;
        let crashed = false;
        const crash = async (real: () => Promise<unknown>): Promise<never> => {
          crashed = true;
          if (effect) await real();
          throw new EngineError('bug', 'the process is gone');
        };
        at.intercept('put', (_, real) => (writes++ === crashAt ? crash(real) : undefined));
        log.setFaults((operation) => {
          if (operation !== 'write-meta' || writes++ !== crashAt) return undefined;
          crashed = true;
          return effect ? { kind: 'unknown', effect } : { kind: 'refused' };
        });
        const outcome = await at.take(log).then(
          () => 'started',
          () => 'died',
        );
        if (!crashed) return crashAt;
        expect(outcome).toBe('died');
        at.intercept('put', undefined);
        log = new MemoryLog({ disk: log.disk });
        const again = await at.take(log);
        await again.refresh();
        expect(await at.take(log)).toMatchObject({ clusterId: again.clusterId, startCounter: again.startCounter + 1 });
        expect((await listClusters(at.store)).length).toBe(1);
      }
    }
  };

  it('of a new cluster: the next start goes on from anywhere', async () => {
    expect(await everyCrash(async (at) => at.newLog())).toBe(4);
  });

  it('of a cluster that exists: the next start goes on from anywhere', async () => {
    const writes = await everyCrash(async (at) => {
      const log = at.newLog();
      await at.take(log);
      return log;
    });
    expect(writes).toBe(3);
  });

  it('a copy made between intention and record is refused once either has gone on', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await at.take(log);
    let writes = 0;
    log.setFaults(() => (writes++ === 1 ? { kind: 'refused' } : undefined));
    await expect(at.take(log)).rejects.toThrow();
    log.setFaults(undefined);
    const copy = new MemoryLog({ disk: log.disk.copy() });
    await at.take(log);
    await expect(at.take(copy)).rejects.toMatchObject({ context: { case: 'stale-directory' } });
  });

  it('an unfinished creation binds nobody to its name', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    at.intercept('put', async () => {
      throw new EngineError('store-denied', 'wrong key');
    });
    await expect(at.take(log)).rejects.toMatchObject({ code: 'store-denied' });
    at.intercept('put', undefined);
    await at.take(at.newLog(), { cluster: 'taken' });
    await expect(at.take(log, { cluster: 'taken' })).rejects.toMatchObject({ context: { case: 'fresh-directory' } });
    expect(await at.take(log, { cluster: 'other' })).toMatchObject({ clusterName: 'other', startCounter: 1 });
  });

  it('two processes that create the same name: one wins, the other is refused and leaves nothing behind', async () => {
    const at = new OwnershipFixture();
    const outcomes = await Promise.allSettled([at.take(at.newLog()), at.take(at.newLog())]);
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const loser = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(loser?.reason).toMatchObject({ code: 'owner-mismatch', context: { case: 'fresh-directory' } });
    const keys: string[] = [];
    for await (const { key } of at.store.list({ prefix: '' })) keys.push(key);
    expect(keys.length).toBe(2);
  });
});

describe('unknown outcomes of the conditional write', () => {
  it('reads back: the write happened', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    for (const expected of [1, 2]) {
      let once = true;
      at.intercept('put', (key, real) => {
        if (!key.endsWith('/OWNER') || !once) return undefined;
        once = false;
        return real().then(() => Promise.reject(timeout()));
      });
      const ownership = await at.take(log);
      expect(ownership.startCounter).toBe(expected);
      await ownership.refresh();
    }
  });

  it('reads back: the write did not happen, and is tried again', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    for (const expected of [1, 2]) {
      let tries = 0;
      at.intercept('put', (key) => (key.endsWith('/OWNER') && tries++ < 2 ? Promise.reject(timeout()) : undefined));
      expect((await at.take(log)).startCounter).toBe(expected);
    }
  });

  it('a write that arrives after its process gave up does not brick the directory', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await at.take(log);
    let late: (() => Promise<unknown>) | undefined;
    at.intercept('put', (_, real) => {
      late ??= real;
      return Promise.reject(timeout());
    });
    await expect(at.take(log)).rejects.toMatchObject({ code: 'store-timeout' });
    // The next start has read OWNER when the late write lands, just before its own.
    at.intercept('put', (_, real) => {
      const landing = late;
      late = undefined;
      return landing === undefined ? undefined : landing().then(real);
    });
    expect((await at.take(log)).startCounter).toBe(3);
  });

  it('says so when another process was faster', async () => {
    const at = new OwnershipFixture();
    const log = at.newLog();
    await at.take(log);
    const copy = new MemoryLog({ disk: log.disk.copy() });
    const outcomes = await Promise.allSettled([at.take(log), at.take(copy)]);
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const loser = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(loser?.reason).toMatchObject({ code: 'owner-mismatch', context: { case: 'raced' } });
  });
});

it('gives a name to one cluster only', async () => {
  const at = new OwnershipFixture();
  const first = { name: 'n', clusterId: '11111111-1111-4111-8111-111111111111' };
  const second = { name: 'n', clusterId: '22222222-2222-4222-8222-222222222222' };
  expect(await claimClusterName(at.store, first)).toEqual(first);
  expect(await claimClusterName(at.store, second)).toEqual(first);
  expect(await claimClusterName(at.store, first)).toEqual(first);
});

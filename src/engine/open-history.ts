// What a broker has for the history of its partitions: the reader of L1 objects, and the limits that all work in the background shares.

import { join } from 'node:path';
import { ByteRate } from './base/byte-rate.ts';
import type { TopicId } from './base/ids.ts';
import { DiskCache } from './disk-cache/disk-cache.ts';
import { type L1Kind, L1ObjectBuilder, L1Reader, PartMemory } from './l1/l1.ts';
import type { MetastoreQueries } from './metastore/metastore.ts';
import type { DomainServices } from './open-domains.ts';
import { History, placeOf } from './partition/history.ts';

export interface OpenHistory extends AsyncDisposable {
  readonly reader: L1Reader;
  readonly history: History;
  readonly newBuilder: (
    kind: L1Kind,
    topicId: TopicId,
    objectId: string,
    signal: AbortSignal,
    step?: (name: string) => Promise<void> | void,
  ) => L1ObjectBuilder;
  /** Waits until background work may move so many bytes. */
  readonly pace: (bytes: number, signal?: AbortSignal) => Promise<void>;
}

export async function openHistory(services: DomainServices, metastore: MetastoreQueries): Promise<OpenHistory> {
  const { store, ownership, config, clock, logger, dataDirectory } = services;
  const { clusterId } = ownership;
  await using parts = new AsyncDisposableStack();
  const diskBytes = config.number('cloudtopics.l1.disk.cache.bytes');
  // A store that is a directory is as near as a local copy would be.
  const wantsDisk = store.remote && diskBytes > 0;
  const disk = wantsDisk
    ? parts.use(
        await DiskCache.open({ directory: join(dataDirectory, 'cache', 'l1'), bytesMax: diskBytes, clock, logger }),
      )
    : undefined;
  const reader = parts.use(
    new L1Reader({
      store,
      clusterId,
      clock,
      logger,
      memoryBytesMax: config.number('cloudtopics.memory.l1.bytes'),
      footerBytesMax: config.number('cloudtopics.memory.l1.footers.bytes'),
      disk,
      locate: async (topicId, partition, from) =>
        placeOf(await metastore.firstExtentAtOrAbove({ topicId, partition }, from)),
    }),
  );
  const partBytes = config.number('cloudtopics.upload.part.bytes');
  // Two for each object that the reconciler builds at a time.
  const keptBytesMax = 2 * partBytes * config.number('cloudtopics.reconcile.objects.parallel');
  const memory = new PartMemory({ partBytes, keptBytesMax });
  const rate = new ByteRate(clock, () => config.number('cloudtopics.background.bytes.per.second'));
  const kept = parts.move();
  return {
    reader,
    history: new History({ reader, metastore }),
    newBuilder: (kind, topicId, objectId, signal, step) =>
      new L1ObjectBuilder({
        store,
        clusterId,
        topicId,
        objectId,
        kind,
        createdMs: clock.nowMs(),
        partBytes,
        memory,
        indexBytes: config.number('cloudtopics.l1.index.bytes'),
        signal,
        step,
      }),
    pace: (bytes, signal) => rate.pass(bytes, signal),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

// The broker that a client suite talks to: ours, or Apache Kafka when CLOUDTOPICS_TEST_TARGET=kafka. A suite that
// passes against Kafka states Kafka's behaviour, not our opinion of it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { type AcknowledgedRecord, missingFromBucket } from './bucket-salvage.ts';
import { KafkaProcess } from './kafka-process.ts';
import { VersitygwProcess } from './versitygw-process.ts';

export const targetIsKafka = process.env['CLOUDTOPICS_TEST_TARGET'] === 'kafka';

export interface TargetBroker extends AsyncDisposable {
  readonly bootstrap: string;
  readonly pid: number;
  /** Of ours: where its admin server answers, and the URL of its store. S3 credentials are in the environment then. */
  readonly own: { readonly admin: string; readonly store: string } | undefined;
  restart(): Promise<void>;
  stop(): Promise<unknown>;
  kill(): Promise<void>;
  output(): string;
  /** What of the acknowledged records cannot be found by reading the bucket alone; nothing where the target has no bucket. */
  missingFromBucket(acknowledged: Iterable<AcknowledgedRecord>): Promise<readonly AcknowledgedRecord[]>;
}

export type StoreKind = 'file' | 's3';

/** With Kafka as the target the store does not matter: one kind is enough. */
export const storeKinds: readonly StoreKind[] = targetIsKafka ? ['file'] : ['file', 's3'];

/** Starts the target in a directory of its own, which goes when the target is disposed of. */
export async function startTarget(store: StoreKind = 'file', flags: readonly string[] = []): Promise<TargetBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'target-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  const broker = cleanup.use(await startIn(directory, store, flags, cleanup));
  const owned = cleanup.move();
  return {
    bootstrap: broker.bootstrap,
    get pid() {
      return broker.pid;
    },
    own: broker instanceof BrokerProcess ? { admin: broker.admin, store: broker.store } : undefined,
    restart: () => broker.restart(),
    stop: () => broker.stop(),
    kill: () => broker.kill(),
    output: () => broker.output(),
    missingFromBucket: async (acknowledged) =>
      broker instanceof BrokerProcess
        ? missingFromBucket((broker.ready as { readonly store: string }).store, acknowledged)
        : [],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startIn(
  directory: string,
  store: StoreKind,
  flags: readonly string[],
  cleanup: AsyncDisposableStack,
): Promise<BrokerProcess | KafkaProcess> {
  if (targetIsKafka) {
    return KafkaProcess.start({ directory, heap: '512m', properties: ['num.partitions=1'] });
  }
  if (store === 'file') return BrokerProcess.start({ directory, flags });
  const s3 = cleanup.use(await VersitygwProcess.start(join(directory, 's3')));
  // For whoever reads the bucket in this process.
  Object.assign(process.env, s3.credentials);
  return BrokerProcess.start({
    directory,
    flags,
    store: await s3.makeBucket('interop'),
    env: s3.credentials,
  });
}

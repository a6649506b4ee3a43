// What slow PUTs cost. Two questions, answered with Kafka's own tools against our engine:
//
//   throughput: 100 ms added to every PUT, 12 producers offering 60 MB/s together: how much is carried?
//   S3:         one record at a time through the in-repo S3 server: how far above the seal window is end-to-end?
//
//   node bench/put-latency.ts [--offered 60] [--producers 12] [--partitions 12] [--latency-ms 100] [--seconds 30]
//
// The engine runs in this process, because only here can its store be wrapped; the clients are one JVM.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/engine/base/clock.ts';
import { silentLogger } from '../src/engine/base/logger.ts';
import { type Engine, startEngine } from '../src/engine/engine.ts';
import type { FaultPlan } from '../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../src/engine/store/faulty-store.ts';
import type { ObjectStore } from '../src/engine/store/object-store.ts';
import { createTopic } from '../test/support/create-topic.ts';
import { checkout } from '../test/support/kafka-process.ts';
import { startS3Server } from '../test/support/s3-server/s3-server.ts';
import { endToEnd, mebibyte, produce, recordBytes } from './perf-tools.ts';

const { values } = parseArgs({
  options: {
    offered: { type: 'string', default: '60' },
    producers: { type: 'string', default: '12' },
    partitions: { type: 'string', default: '12' },
    'latency-ms': { type: 'string', default: '100' },
    seconds: { type: 'string', default: '30' },
    records: { type: 'string', default: '200' },
  },
});
const offered = Number(values.offered);
const latencyMs = Number(values['latency-ms']);

const cache = join(checkout, '.cache');
await mkdir(cache, { recursive: true });
const directory = await mkdtemp(join(cache, 'put-latency-'));
// The clock's timers do not keep a process alive; until the engine listens, nothing else does.
const alive = setInterval(() => {}, 60_000);
try {
  await throughput();
  await overS3(0);
  await overS3(latencyMs);
} finally {
  clearInterval(alive);
  await rm(directory, { recursive: true, force: true });
}

async function throughput(): Promise<void> {
  const storeUrl = pathToFileURL(join(directory, 'bucket')).href;
  await mkdir(join(directory, 'bucket'));
  await using engine = await start('slow-puts', storeUrl, (store) => withSlowPuts(store, latencyMs));
  const bootstrap = bootstrapOf(engine);
  await createTopic(bootstrap, 'slow', Number(values.partitions));
  const profile = {
    name: 'slow',
    producers: Number(values.producers),
    producerProperties: ['acks=all', 'batch.size=262144', 'linger.ms=10', 'buffer.memory=33554432'],
    consumerProperties: [],
    fetchSize: mebibyte,
  };
  const recordsPerSecond = (offered * mebibyte) / recordBytes;
  // A few seconds unmeasured: neither the client's nor the broker's compiler is warm.
  await produce(bootstrap, 'slow', recordsPerSecond * 5, profile, recordsPerSecond);
  const { mbPerSecond, latencyMs: latency } = await produce(
    bootstrap,
    'slow',
    recordsPerSecond * Number(values.seconds),
    profile,
    recordsPerSecond,
  );
  const lost = ((1 - mbPerSecond / offered) * 100).toFixed(1);
  console.log(
    `PUT +${latencyMs} ms, ${values.producers} producers offering ${offered} MB/s: ${mbPerSecond.toFixed(1)} MB/s carried (${lost} % lost), ` +
      `produce p50/p95/p99 ${latency.p50} / ${latency.p95} / ${latency.p99} ms`,
  );
}

async function overS3(addedMs: number): Promise<void> {
  await using server = await startS3Server({ buckets: ['bench'], latencyMs: addedMs });
  process.env['AWS_ACCESS_KEY_ID'] = server.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = server.credentials.secretAccessKey;
  await using engine = await start(`s3-${addedMs}`, server.storeUrl('bench'), (store) => store);
  const bootstrap = bootstrapOf(engine);
  await createTopic(bootstrap, 'latency', 1);
  const { endToEndMs } = await endToEnd(bootstrap, 'latency', Number(values.records));
  console.log(
    `S3, ${addedMs} ms added to every answer, window 250 ms: end-to-end p50/p95/p99 ` +
      `${endToEndMs.p50.toFixed(0)} / ${endToEndMs.p95.toFixed(0)} / ${endToEndMs.p99.toFixed(0)} ms`,
  );
}

async function start(name: string, storeUrl: string, wrapStore: (store: ObjectStore) => ObjectStore): Promise<Engine> {
  return startEngine({
    dataDirectory: join(directory, name),
    storeUrl,
    clusterName: 'default',
    listen: { host: '127.0.0.1', port: 0 },
    advertise: undefined,
    admin: undefined,
    logger: silentLogger,
    settings: {},
    onFatal: (error) => {
      throw error;
    },
    overrides: { wrapStore },
  });
}

function bootstrapOf(engine: Engine): string {
  return `${engine.kafkaAddress.host}:${engine.kafkaAddress.port}`;
}

/** The same store, with every PUT answered later; PUTs wait side by side, as they would on a network. */
function withSlowPuts(store: ObjectStore, addedMs: number): ObjectStore {
  const plan: FaultPlan = { next: (operation) => (operation === 'put' ? { latencyMs: addedMs } : undefined) };
  return new FaultyStore(store, plan, systemClock);
}

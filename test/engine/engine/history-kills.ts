// Kills a broker at named steps of its work on history, one after the other, while idempotent producers write and consumers follow.
// Topics: one whose old records are deleted, one that is compacted, one of which both is true.
//
// After every death the bucket alone has everything that was acknowledged, and its metadata contradicts itself nowhere. After every start
// consumers are shown what they were shown before. In the end, after an orderly stop, nothing is left over but objects that were
// preregistered and never added.

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePort, ServerProcess } from '../../support/server-process.ts';
import { verifyBucket } from '../../support/verified-bucket.ts';
import { busySettings } from './busy-settings.ts';
import { EngineStage, until } from './engine-stage.ts';
import { PartitionOracle } from './partition-oracle.ts';
import { judgeWhole, WireFollower } from './wire-follower.ts';
import { WireProducer } from './wire-producer.ts';

export interface Kill {
  readonly step: string;
  /** The so-manieth time that the step is come to dies. */
  readonly times: number;
  /** Armed from the beginning of the process; otherwise once consumers have read everything again. */
  readonly atStart: boolean;
}

export interface HistoryKills {
  readonly kills: readonly Kill[];
  /** 0: the store never fails. */
  readonly seed: number;
  readonly size: 'small' | 'parts';
}

export const historySteps: readonly string[] = [
  ...['planned', 'preregistered', 'complete', 'uploaded', 'added', 'moved', 'trimmed'].map((one) => `reconcile.${one}`),
  ...['mapped', 'preregistered', 'complete', 'uploaded', 'drained', 'replaced'].map((one) => `compact.${one}`),
  ...['preregistered', 'complete', 'uploaded', 'replaced'].map((one) => `level.${one}`),
  ...['moved', 'followed'].map((one) => `retention.${one}`),
];

/** Those that are come to only with objects of several parts. */
export const partSteps: readonly string[] = ['reconcile.part', 'compact.part', 'level.part'];

const child = fileURLToPath(new URL('engine-child.ts', import.meta.url));
const deleteRetentionMs = 3_000;
const retentionBytes = { small: 96 * 1024, parts: 48 * 1024 * 1024 } as const;
const records = {
  small: { valueBytes: 40, keys: 300, pauseMs: 20 },
  parts: { valueBytes: 8_000, keys: 2_000, pauseMs: 10 },
} as const;
const compactedSettings = {
  'min.cleanable.dirty.ratio': '0.1',
  'delete.retention.ms': String(deleteRetentionMs),
};

const topics = [
  { name: 'deleted', partitions: 2, producersOfEach: 2, policy: 'delete' },
  { name: 'compacted', partitions: 2, producersOfEach: 1, policy: 'compact' },
  { name: 'both', partitions: 1, producersOfEach: 1, policy: 'compact,delete' },
] as const;

export interface KillsTold {
  readonly acknowledged: number;
  /** Objects that were preregistered and never added. */
  readonly awaited: number;
  readonly storedObjects: number;
  /** Of the topic whose old records are deleted. */
  readonly logStarts: readonly number[];
  /** Records that compaction has left of the compacted topic's, and how many there were. */
  readonly compacted: { readonly left: number; readonly written: number };
}

export async function killAtSteps({ kills, seed, size }: HistoryKills): Promise<KillsTold> {
  await using stage = await EngineStage.open();
  const port = await freePort();
  const { producers, oracles } = await makeTopics(stage, () => port, size);
  const followers = oracles.map(
    (one, at) => new WireFollower(one, () => port, [1 << 20, 1, 40_000, 3_000].slice(at % 3)),
  );

  await using running = new AsyncDisposableStack();
  let stopped = false;
  running.defer(() => {
    stopped = true;
  });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const producing = producers.map((one) => one.run(() => stopped).catch(failed.reject));
  let followed = false;
  running.defer(() => {
    followed = true;
  });
  const following = followers.map((one) => one.run(() => followed));
  const unlessFailed = <Answer>(work: Promise<Answer>) => Promise.race([work, failed.promise]);
  const mustBeRight = (when: string) =>
    expect(
      oracles.flatMap(({ problems }) => problems),
      when,
    ).toEqual([]);
  const start = async (round: number, kill?: Kill) => {
    const own = [
      String(seed === 0 ? 0 : seed + round),
      size,
      ...(kill === undefined ? [] : [kill.step, String(kill.times)]),
    ];
    const broker = running.use(
      await ServerProcess.start({
        name: 'engine',
        command: process.execPath,
        args: [child, stage.dataDirectory, stage.storeUrl, String(port), ...own],
        isReadyLine: (line) => line === 'ready',
      }),
    );
    return broker;
  };
  const moreOf = async (broker: ServerProcess, count: number) => {
    const goals = producers.map((one) => one.acknowledged.length + count);
    const isThere = () => producers.every((one, at) => one.acknowledged.length >= (goals[at] as number));
    await unlessFailed(
      until(() => isThere() || !broker.isRunning(), 'every producer went on', 30_000).catch((error) => {
        throw new Error(`${error.message}\n${broker.output()}`);
      }),
    );
  };

  for (const [round, kill] of kills.entries()) {
    const when = `${kill.step}, time ${kill.times}${kill.atStart ? ', from the start' : ''} (round ${round}, seed ${seed})`;
    const broker = await start(round, kill);
    if (!kill.atStart) {
      await moreOf(broker, 20);
      const client = await stage.clientAt(port);
      for (const oracle of oracles) await unlessFailed(judgeWhole(oracle, client));
      mustBeRight(`${when}: read again after the start`);
    }
    process.kill(broker.pid, 'SIGUSR2');
    const end = await unlessFailed(
      Promise.race([broker.exited, tooLong(60_000, () => `${when} never came\n${broker.output()}`)]),
    );
    expect(end, `${when}: ${broker.output()}`).toBe('SIGKILL');
    const told = oracles.map((one) => one.acknowledged);
    const bucket = await stage.salvage();
    for (const [at, { topicId }] of oracles.entries()) {
      expect(await bucket.missing(topicId, told[at] ?? []), `${when}: acknowledged, not in the bucket`).toEqual([]);
    }
    expect((await verifyBucket(stage.storeUrl)).wrong, `${when}: the metadata in the bucket`).toEqual([]);
    mustBeRight(`${when}: what consumers were given`);
  }

  const broker = await start(kills.length);
  await moreOf(broker, 50);
  stopped = true;
  await unlessFailed(Promise.all(producing));
  const client = await stage.clientAt(port);
  const read: Awaited<ReturnType<typeof judgeWhole>>[] = [];
  for (const oracle of oracles) read.push(await judgeWhole(oracle, client));
  const isAtEnd = () => followers.every((one, at) => one.position >= (read[at]?.highWatermark ?? 0));
  await until(isAtEnd, 'every consumer reached the end', 30_000);
  followed = true;
  await Promise.all(following);
  mustBeRight('read at the end');
  expect(await broker.stop()).toBe(0);

  const verified = await verifyBucket(stage.storeUrl);
  expect([...verified.wrong, ...verified.unknown]).toEqual([]);
  for (const { ageMs } of verified.awaited) expect(ageMs).toBeGreaterThanOrEqual(0);
  const engine = await stage.start({ settings: { ...busySettings, 'log.retention.check.interval.ms': '3600000' } });
  const again = await stage.client(engine);
  for (const [at, oracle] of oracles.entries()) {
    const whole = await judgeWhole(oracle, again);
    expect(whole.highWatermark).toBe(read[at]?.highWatermark);
    if (!oracle.rules.compacted)
      expect(whole.bytes, 'retention keeps what it should').toBeGreaterThan(retentionBytes[size]);
  }
  mustBeRight('read after an orderly stop');
  const bucket = await stage.salvage();
  for (const { topicId, acknowledged } of oracles) expect(await bucket.missing(topicId, acknowledged)).toEqual([]);
  const { awaited, storedObjects } = verified;
  return {
    acknowledged: producers.reduce((sum, one) => sum + one.acknowledged.length, 0),
    awaited: awaited.length,
    storedObjects,
    logStarts: read.filter((_, at) => oracles[at]?.topic === 'deleted').map(({ logStart }) => logStart),
    compacted: read
      .filter((_, at) => oracles[at]?.topic === 'compacted')
      .reduce((sum, one) => ({ left: sum.left + one.records, written: sum.written + one.highWatermark }), {
        left: 0,
        written: 0,
      }),
  };
}

async function makeTopics(stage: EngineStage, port: () => number, size: HistoryKills['size']) {
  const producers: WireProducer[] = [];
  const oracles: PartitionOracle[] = [];
  const first = await stage.start();
  const { keys, ...sizes } = records[size];
  const bounded = { 'retention.bytes': String(retentionBytes[size]) };
  for (const { name, partitions, producersOfEach, policy } of topics) {
    const compacted = policy !== 'delete';
    const topicId = await stage.createTopic(name, partitions, {
      'cleanup.policy': policy,
      ...(compacted ? compactedSettings : {}),
      ...(policy === 'compact' ? {} : bounded),
    });
    for (let partition = 0; partition < partitions; partition++) {
      const own = Array.from({ length: producersOfEach }, (_, at) => {
        const options = { ...sizes, port, topic: name, partition, name: `${name}${partition}${at}` };
        return new WireProducer(compacted ? { ...options, keys } : options);
      });
      producers.push(...own);
      oracles.push(new PartitionOracle({ topic: name, topicId }, own, { compacted, deleteRetentionMs }));
    }
  }
  await first.stop();
  return { producers, oracles };
}

const tooLong = (ms: number, what: () => string): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error(what())), ms).unref());

// Who may run on a bucket, with whole engines: one data directory, the one used last, and only as long as OWNER says so.

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { incarnation } from '../../../src/engine/base/ids.ts';
import { ownerKey, readOwner } from '../../../src/engine/cluster/cluster-directory.ts';
import { encodeOwner } from '../../../src/engine/cluster/owner-format.ts';
import { createTopics, offsetCommit } from '../../../src/engine/wire/wire.ts';
import type { RawClient } from '../broker/raw-client.ts';
import { EngineStage, until } from './engine-stage.ts';
import { fetchValues } from './wire-consumer.ts';
import { produceOne } from './wire-produce.ts';

const notLeader = 6;
const requestTimedOut = 7;
const coordinatorNotAvailable = 15;

async function createTopic(client: RawClient, name: string): Promise<number | undefined> {
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  return (await client.call(createTopics, 7, { topics })).topics[0]?.errorCode;
}

async function commitOffset(client: RawClient, topic: string, committedOffset: number): Promise<number | undefined> {
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }];
  const request = { groupId: 'g', memberId: '', topics: [{ name: topic, partitions }] };
  return (await client.call(offsetCommit, 9, request)).topics[0]?.partitions[0]?.errorCode;
}

describe('a start is refused', () => {
  it('with a fresh data directory on a bucket that has a cluster, also while its broker runs', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const second = stage.start({ dataDirectory: join(stage.directory, 'other') });
    await expect(second).rejects.toMatchObject({
      code: 'owner-mismatch',
      context: { case: 'fresh-directory' },
      hint: expect.stringContaining('cloudtopics restore'),
    });
    await stage.createTopic('t', 1);
    const client = await stage.client();
    expect(await produceOne(client, 't', 0, 'undisturbed')).toMatchObject({ errorCode: 0 });
  });

  it('with a copy of the data directory that is older than the last start', async () => {
    await using stage = await EngineStage.open();
    await (await stage.start()).stop();
    const copy = join(stage.directory, 'copy');
    await cp(stage.dataDirectory, copy, { recursive: true });
    await (await stage.start()).stop();
    await expect(stage.start({ dataDirectory: copy })).rejects.toMatchObject({
      code: 'owner-mismatch',
      context: { case: 'stale-directory' },
      hint: expect.stringContaining('--data-dir'),
    });
    await stage.start();
  });

  it('with the data directory of a running broker', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    await expect(stage.start()).rejects.toMatchObject({ code: 'directory-locked' });
  });
});

/** What a restore does first. */
async function raiseIncarnation(stage: EngineStage): Promise<void> {
  await using store = await stage.bucket();
  const { clusterId } = stage.engine;
  const found = await readOwner(store, clusterId);
  if (found === undefined) throw new Error('there is no OWNER');
  const raised = { ...found.owner, incarnation: incarnation(found.owner.incarnation + 1) };
  await store.put(ownerKey(clusterId), [encodeOwner(raised)], { ifMatch: found.etag });
}

describe('a broker whose bucket has another owner', () => {
  it.each([
    ['reads OWNER for every upload', 'true'],
    ['reads OWNER within its lease', 'false'],
  ])('acknowledges nothing any more and says so once, when it %s', async (_, strict) => {
    await using stage = await EngineStage.open();
    await stage.start({ settings: { 'cloudtopics.lease.strict': strict, 'cloudtopics.lease.ms': '1000' } });
    const topicId = await stage.createTopic('t', 2);
    const client = await stage.client();
    expect(await produceOne(client, 't', 0, 'ours')).toMatchObject({ errorCode: 0, baseOffset: 0 });
    await raiseIncarnation(stage);
    // With a lease the broker may go on until the lease has run out, and no longer.
    if (strict === 'false') await until(() => stage.fatal.length > 0, 'the broker had noticed', 1500);
    for (const partition of [0, 1]) {
      const answer = await produceOne(client, 't', partition, 'not ours any more');
      expect(answer.errorCode).toBe(notLeader);
      expect(answer.errorMessage).toContain('another owner');
    }
    expect(await fetchValues(client, topicId, 0)).toEqual(['ours']);
    expect(stage.fatal.map((error) => error.code)).toEqual(['fenced-owner']);
  });

  it('takes neither topics nor offsets any more', async () => {
    await using stage = await EngineStage.open();
    await stage.start({ settings: { 'cloudtopics.lease.ms': '1000' } });
    const client = await stage.client();
    expect(await createTopic(client, 'before')).toBe(0);
    expect(await commitOffset(client, 'before', 1)).toBe(0);
    await raiseIncarnation(stage);
    await until(() => stage.fatal.length > 0, 'the broker had noticed');
    for (let n = 0; n < 2; n++) {
      expect(await createTopic(client, 'after')).toBe(notLeader);
      expect(await commitOffset(client, 'before', 2)).toBe(coordinatorNotAvailable);
    }
  });
});

describe('a stale owner', () => {
  it('writes nothing more of its domains into the bucket, not even when it stops', async () => {
    await using stage = await EngineStage.open();
    const settings = { 'cloudtopics.lease.ms': '1000', 'cloudtopics.groups.flush.interval.ms': '60000' };
    const engine = await stage.start({ settings, admin: true });
    const client = await stage.client();
    expect(await createTopic(client, 't')).toBe(0);
    expect(await commitOffset(client, 't', 1)).toBe(0);
    await raiseIncarnation(stage);
    await until(() => stage.fatal.length > 0, 'the broker had noticed');
    const puts: string[] = [];
    stage.fault = (operation, key) => {
      if (operation === 'put') puts.push(key);
      return undefined;
    };
    const { host, port } = engine.adminAddress as { host: string; port: number };
    for (const domain of ['control', 'groups/0', 'groups/1', 'groups/2', 'groups/3', 'metastore/0']) {
      for (const order of ['flush', 'compact']) {
        const init = { method: 'POST', headers: { 'x-cloudtopics-admin': '1' } };
        const answer = await fetch(`http://${host}:${port}/v1/domains/${domain}/${order}`, init);
        expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([409, 'fenced-owner']);
      }
    }
    await engine.stop();
    expect(puts).toEqual([]);
  });
});

describe('a broker that is cut off from its bucket for longer than the lease', () => {
  it('takes neither topics nor offsets until the store is back', async () => {
    await using stage = await EngineStage.open();
    await stage.start({ settings: { 'cloudtopics.lease.ms': '1000' } });
    const client = await stage.client();
    expect(await createTopic(client, 'before')).toBe(0);
    expect(await commitOffset(client, 'before', 1)).toBe(0);
    stage.fault = () => ({ kind: 'unavailable' });
    // Said when a whole lease went by without an answer.
    await until(() => stage.log.some(({ message }) => message === 'OWNER could not be read'), 'the lease had run out');
    expect(await createTopic(client, 'after')).toBe(requestTimedOut);
    expect(await commitOffset(client, 'before', 2)).toBe(coordinatorNotAvailable);
    stage.fault = () => undefined;
    expect(await createTopic(client, 'after')).toBe(0);
    expect(await commitOffset(client, 'before', 2)).toBe(0);
    expect(stage.fatal).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, term } from '../../../src/engine/base/ids.ts';
import type { LogFault } from '../../../src/engine/replicated-log/memory-log.ts';
import { type PutFate, WriteWorld } from './write-path-world.ts';

async function world(): Promise<WriteWorld> {
  const made = new WriteWorld();
  await made.start();
  return made;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof EngineError ? error.code : String(error)),
  );

/** A fate that is decided later, PUT by PUT. */
function controlledPuts(made: WriteWorld): ((fate: PutFate) => void)[] {
  const decide: ((fate: PutFate) => void)[] = [];
  made.putFate = () => new Promise((resolve) => decide.push(resolve));
  return decide;
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('a partition that all goes well for', () => {
  it('gives offsets in the order of the calls, and serves what it acknowledged', async () => {
    const made = await world();
    const results = await Promise.all(['a', 'b', 'c'].map((payload) => made.produce({ payload, count: 2 })));
    expect(results.map((one) => one.baseOffset)).toEqual([0, 2, 4]);
    expect(made.leader().highWatermark).toBe(6);
    expect(await made.fetchAll()).toEqual([
      { baseOffset: 0, payload: 'a' },
      { baseOffset: 2, payload: 'b' },
      { baseOffset: 4, payload: 'c' },
    ]);
  });

  it('serves the same after a restart, from the bucket, under a higher term', async () => {
    const made = await world();
    for (const payload of ['a', 'b', 'c']) await made.produce({ payload });
    const before = made.leader().term;
    made.crash();
    await made.start();
    expect(made.leader().term).toBeGreaterThan(before);
    expect(made.leader().highWatermark).toBe(3);
    expect((await made.fetchAll()).map((one) => one.payload)).toEqual(['a', 'b', 'c']);
    await made.produce({ payload: 'd' });
    expect((await made.fetchAll()).map((one) => one.payload)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('opens from a snapshot and finds history through its segments', async () => {
    const made = await world();
    made.recentExtentsMax = 16;
    for (let at = 0; at < 300; at++)
      await made.produce({ payload: `r${at}`, producerId: 9, producerEpoch: 0, baseSequence: at });
    await made.leader().saveSnapshot();
    await made.produce({ payload: 'after', producerId: 9, producerEpoch: 0, baseSequence: 300 });
    made.crash();
    await made.start();
    expect((await made.fetchAll()).map((one) => one.payload)).toEqual([
      ...Array.from({ length: 300 }, (_, at) => `r${at}`),
      'after',
    ]);
    // The producer's window came along: its last batch is still known as a duplicate.
    expect(
      (await made.produce({ payload: 'after', producerId: 9, producerEpoch: 0, baseSequence: 300 })).baseOffset,
    ).toBe(300);
    expect(made.leader().highWatermark).toBe(301);
  });

  it('stamps the broker’s time on records of a LogAppendTime topic', async () => {
    const made = await world();
    made.rules.logAppendTime = true;
    const result = await made.produce({ payload: 'x', timestampMs: 5 });
    expect(result.logAppendTimeMs).toBe(made.clock.nowMs());
    expect(await made.leader().offsetForTimestamp(made.clock.nowMs())).toMatchObject({
      offset: 0,
      timestamp: made.clock.nowMs(),
    });
    expect(await made.leader().offsetForTimestamp(made.clock.nowMs() + 1)).toBeUndefined();
  });

  it('answers where terms end', async () => {
    const made = await world();
    const first = made.leader().term;
    await made.produce({ payload: 'a' });
    made.crash();
    await made.start();
    const second = made.leader().term;
    await made.produce({ payload: 'b' });
    expect(made.leader().endOffsetOfTerm(first)).toEqual({ term: first, endOffset: 1 });
    expect(made.leader().endOffsetOfTerm(second)).toEqual({ term: second, endOffset: 2 });
    expect(made.leader().endOffsetOfTerm(term(second + 1))).toBeUndefined();
  });
});

describe('uploads that fail or overtake each other', () => {
  it('commits in staged order whatever order the PUTs finish in', async () => {
    const made = await world();
    made.seal = { ...made.seal, bytesMax: 1 };
    await made.start(0);
    await made.start();
    const decide = controlledPuts(made);
    const first = made.produce({ payload: 'first' });
    const second = made.produce({ payload: 'second' });
    await settle();
    expect(decide).toHaveLength(2);
    decide[1]?.('ok');
    await settle();
    expect(made.leader().highWatermark).toBe(0);
    decide[0]?.('ok');
    expect((await first).baseOffset).toBe(0);
    expect((await second).baseOffset).toBe(1);
  });

  it('fails a batch and what was staged behind it, leaves what is ahead, and starts a new attempt just before it', async () => {
    const made = new WriteWorld();
    made.seal = { ...made.seal, bytesMax: 1 };
    await made.start();
    const decide = controlledPuts(made);
    const outcomes = ['ahead', 'failing', 'behind'].map((payload) => made.produce({ payload }));
    const codes = outcomes.map(codeOf);
    await settle();
    decide[1]?.('times-out-after-success');
    await settle();
    expect(await codes[1]).toBe('store-timeout');
    expect(await codes[2]).toBe('upload-failed');
    decide[2]?.('ok');
    decide[0]?.('ok');
    expect((await outcomes[0])?.baseOffset).toBe(0);
    made.putFate = () => 'ok';
    expect((await made.produce({ payload: 'again' })).baseOffset).toBe(1);
    expect((await made.fetchAll()).map((one) => one.payload)).toEqual(['ahead', 'again']);
    const stamps = (await made.footers()).flatMap(({ footer }) => footer.partitions.flatMap((one) => one.batches));
    expect(
      stamps
        .filter((one) => one.baseOffset === 1)
        .map((one) => one.stamp.attempt)
        .sort(),
    ).toEqual([0, 1]);
  });

  it('takes batches that wait in the open object out again when one before them fails', async () => {
    const made = await world();
    const decide = controlledPuts(made);
    const first = codeOf(made.produce({ payload: 'uploading' }));
    await settle();
    const waiting = codeOf(made.produce({ payload: 'in the open object' }));
    decide[0]?.('fails');
    expect(await first).toBe('store-timeout');
    expect(await waiting).toBe('upload-failed');
    made.putFate = () => 'ok';
    await made.produce({ payload: 'new' });
    const payloads = (await made.footers()).map(({ bytes }) => bytes.toString('latin1'));
    expect(payloads.join()).not.toContain('in the open object');
    expect(made.slabs.pinnedBytes).toBeLessThanOrEqual(64 * 1024);
  });

  it('acknowledges nothing when ownership cannot be confirmed after the PUT', async () => {
    const made = await world();
    made.confirmOwnership = () => Promise.reject(new EngineError('fenced-owner', 'another owner'));
    expect(await codeOf(made.produce({ payload: 'x' }))).toBe('fenced-owner');
    expect(made.leader().highWatermark).toBe(0);
  });
});

describe('commits that fail', () => {
  const failOnce = (made: WriteWorld, fault: LogFault) => {
    let done = false;
    made.log.setFaults((operation) => {
      if (operation !== 'append' || done) return undefined;
      done = true;
      return fault;
    });
  };

  it('stays up when the log refuses, for want of disk, and goes on', async () => {
    const made = await world();
    failOnce(made, { kind: 'refused' });
    expect(await codeOf(made.produce({ payload: 'x' }))).toBe('disk-full');
    expect((await made.produce({ payload: 'y' })).baseOffset).toBe(0);
  });

  it.each([true, false])(
    'gives up the term when the outcome is unknown (effect: %s) and reads back what happened',
    async (effect) => {
      const made = await world();
      const before = made.leader().term;
      failOnce(made, { kind: 'unknown', effect });
      expect(await codeOf(made.produce({ payload: 'x', producerId: 1, producerEpoch: 0, baseSequence: 0 }))).toBe(
        'outcome-unknown',
      );
      await made.clock.advance(1000);
      expect(made.leader().term).toBeGreaterThan(before);
      expect(made.leader().highWatermark).toBe(effect ? 1 : 0);
      // The producer's retry is a duplicate where it happened, and the first where it did not.
      expect((await made.produce({ payload: 'x', producerId: 1, producerEpoch: 0, baseSequence: 0 })).baseOffset).toBe(
        0,
      );
      expect((await made.fetchAll()).map((one) => one.payload)).toEqual(['x']);
    },
  );

  it('opens later what could not be opened at first, each partition by itself', async () => {
    const made = new WriteWorld();
    await made.start(1);
    await made.produce({ payload: 'x' });
    made.crash();
    let refusals = 0;
    made.log.setFaults((operation) => (operation === 'open' && refusals++ < 3 ? { kind: 'refused' } : undefined));
    await made.start(1);
    expect(() => made.leader()).toThrow(/not open/);
    await made.clock.advance(5000);
    expect(made.leader().highWatermark).toBe(1);
  });

  it('stays down when a newer leader has fenced it', async () => {
    const made = await world();
    failOnce(made, { kind: 'fenced' });
    expect(await codeOf(made.produce({ payload: 'x' }))).toBe('fenced-term');
    await made.clock.advance(1000);
    expect(await codeOf(made.produce({ payload: 'x' }))).toBe('not-leader');
  });
});

describe('idempotent producers', () => {
  const of = (baseSequence: number, count = 1, producerEpoch = 0) => ({
    payload: `s${baseSequence}`,
    producerId: 7,
    producerEpoch,
    baseSequence,
    count,
  });

  it('answers a duplicate with the offset of the first, while staged and when committed', async () => {
    const made = await world();
    const [first, again] = await Promise.all([made.produce(of(0)), made.produce(of(0))]);
    expect(again.baseOffset).toBe(first.baseOffset);
    expect((await made.produce(of(0))).baseOffset).toBe(0);
    expect(made.leader().highWatermark).toBe(1);
  });

  it('gives a duplicate of a staged batch that batch’s failure', async () => {
    const made = await world();
    made.putFate = () => 'fails';
    const both = [codeOf(made.produce(of(0))), codeOf(made.produce(of(0)))];
    expect(await Promise.all(both)).toEqual(['store-timeout', 'store-timeout']);
    made.putFate = () => 'ok';
    expect((await made.produce(of(0))).baseOffset).toBe(0);
  });

  it('knows the last five batches, refuses gaps, and old epochs', async () => {
    const made = await world();
    for (let sequence = 0; sequence < 6; sequence++) await made.produce(of(sequence));
    for (let sequence = 1; sequence < 6; sequence++)
      expect((await made.produce(of(sequence))).baseOffset).toBe(sequence);
    expect(await codeOf(made.produce(of(0)))).toBe('out-of-order-sequence');
    expect(await codeOf(made.produce(of(8)))).toBe('out-of-order-sequence');
    expect(await codeOf(made.produce(of(3, 1, 1)))).toBe('out-of-order-sequence');
    expect((await made.produce(of(0, 1, 1))).baseOffset).toBe(6);
    expect(await codeOf(made.produce(of(6)))).toBe('invalid-producer-epoch');
  });

  it('does not take a batch of a new epoch for a duplicate of the old one while the new epoch is only staged', async () => {
    const made = await world();
    for (let sequence = 0; sequence < 3; sequence++) await made.produce(of(sequence));
    const results = await Promise.all([made.produce(of(0, 1, 1)), made.produce(of(1, 1, 1))]);
    expect(results.map((one) => one.baseOffset)).toEqual([3, 4]);
  });

  it('does not take what follows a failed first batch for a start, also when the term has ended meanwhile', async () => {
    const made = await world();
    made.putFate = () => 'fails';
    expect(await codeOf(made.produce(of(0)))).toBe('store-timeout');
    made.putFate = () => 'ok';
    expect(await codeOf(made.produce(of(1)))).toBe('out-of-order-sequence');
    let faults = 0;
    made.log.setFaults((operation) =>
      operation === 'append' && faults++ === 0 ? { kind: 'unknown', effect: false } : undefined,
    );
    expect(await codeOf(made.produce(of(0)))).toBe('outcome-unknown');
    await made.clock.advance(1000);
    expect(await codeOf(made.produce(of(1)))).toBe('out-of-order-sequence');
    expect((await made.produce(of(0))).baseOffset).toBe(0);
    expect((await made.produce(of(1))).baseOffset).toBe(1);
  });

  it('wraps sequences at 2^31', async () => {
    const made = await world();
    await made.produce(of(0x7fff_fffe, 3));
    expect((await made.produce(of(1))).baseOffset).toBe(3);
  });

  it('keeps a bounded number of producers', async () => {
    const made = await world();
    for (let id = 0; id < 1100; id++) {
      await made.produce({ payload: 'x', producerId: id, producerEpoch: 0, baseSequence: 0 });
    }
    // The first producer is forgotten, so its next sequence is taken as a start.
    expect((await made.produce({ payload: 'x', producerId: 0, producerEpoch: 0, baseSequence: 5 })).baseOffset).toBe(
      1100,
    );
    expect(await codeOf(made.produce({ payload: 'x', producerId: 1099, producerEpoch: 0, baseSequence: 5 }))).toBe(
      'out-of-order-sequence',
    );
  });
});

describe('reading', () => {
  it('returns the first batch whole however small the budget, unless told otherwise', async () => {
    const made = await world();
    await made.produce({ payload: 'x'.repeat(5000) });
    using whole = await made.leader().read({ from: offset(0), bytesMax: 10, atLeastOne: true });
    expect(whole.bytes).toBe(5061);
    using none = await made.leader().read({ from: offset(0), bytesMax: 10, atLeastOne: false });
    expect(none.bytes).toBe(0);
  });

  it('refuses offsets outside the log and serves nothing at its end', async () => {
    const made = await world();
    await made.produce({ payload: 'x' });
    expect(await codeOf(made.leader().read({ from: offset(2), bytesMax: 10, atLeastOne: true }))).toBe(
      'offset-out-of-range',
    );
    using end = await made.leader().read({ from: offset(1), bytesMax: 10, atLeastOne: true });
    expect(end.bytes).toBe(0);
  });

  it('names object and range when stored bytes are damaged, and serves none of them', async () => {
    const made = await world();
    await made.produce({ payload: 'precious' });
    const [found] = await made.footers();
    const damaged = Buffer.from(found?.bytes as Buffer);
    damaged[62] = (damaged[62] as number) ^ 1;
    await made.bucket.put(found?.key as string, [damaged]);
    made.crash();
    await made.start();
    await expect(made.leader().read({ from: offset(0), bytesMax: 1000, atLeastOne: true })).rejects.toMatchObject({
      code: 'corrupt-object',
      message: expect.stringMatching(/bytes 0 to 69.*CRC32C/),
    });
  });

  it('does not hold a slab for a small batch that waits to be sent', async () => {
    const made = await world();
    await made.produce({ payload: 'small' });
    const before = made.slabs.pinnedBytes;
    using result = await made.leader().read({ from: offset(0), bytesMax: 1000, atLeastOne: true });
    expect(made.slabs.pinnedBytes).toBe(before);
    for (let at = 0; at < 100; at++) await made.produce({ payload: 'y'.repeat(60_000) });
    expect(result.parts[0]?.toString('utf8', 61)).toBe('small');
  });

  it('wakes listeners when the high watermark moves', async () => {
    const made = await world();
    let calls = 0;
    const stop = made.leader().onAdvance(() => calls++);
    await made.produce({ payload: 'x' });
    expect(calls).toBe(1);
    stop();
    await made.produce({ payload: 'x' });
    expect(calls).toBe(1);
  });
});

describe('deleting records', () => {
  it('moves the log start durably, forward only', async () => {
    const made = await world();
    for (const payload of ['a', 'b', 'c']) await made.produce({ payload });
    expect(await made.leader().deleteRecords(2)).toBe(2);
    expect(await made.leader().deleteRecords(1)).toBe(2);
    expect(await codeOf(made.leader().deleteRecords(4))).toBe('offset-out-of-range');
    made.crash();
    await made.start();
    expect(made.leader().logStartOffset).toBe(2);
    expect(await codeOf(made.leader().read({ from: offset(1), bytesMax: 10, atLeastOne: true }))).toBe(
      'offset-out-of-range',
    );
    expect(await made.leader().deleteRecords(-1)).toBe(3);
  });

  it('is not acknowledged by who does not own the bucket any more', async () => {
    const made = await world();
    await made.produce({ payload: 'a' });
    made.confirmOwnership = () => Promise.reject(new EngineError('fenced-owner', 'another owner'));
    expect(await codeOf(made.leader().deleteRecords(1))).toBe('fenced-owner');
    expect(made.leader().logStartOffset).toBe(0);
  });

  it('settles all of several moves that are asked for at once, at the furthest', async () => {
    const made = await world();
    for (let at = 0; at < 10; at++) await made.produce({ payload: 'x' });
    const moves = await Promise.all([1, 9, 5, 3].map((before) => made.leader().deleteRecords(before)));
    expect(Math.min(...moves.map(Number))).toBeGreaterThanOrEqual(1);
    expect(made.leader().logStartOffset).toBe(9);
  });
});

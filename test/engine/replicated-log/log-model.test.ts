// The embedded log must agree with the memory log on every history of calls, restarts included.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Term, term } from '../../../src/engine/base/ids.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openEmbeddedLog } from '../../../src/engine/replicated-log/embedded-log.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import type { ReplicatedLog } from '../../../src/engine/replicated-log/replicated-log.ts';

const group = fc.constantFrom('a', 'b', 'partition/ä/1');
/** Relative to what is right, so that most calls do something. */
const off = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -2, max: 1 }) },
);
const bytes = fc.uint8Array({ maxLength: 40 });
const call = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    groups: fc.uniqueArray(group, { minLength: 1 }),
    atLeast: fc.nat(9),
  }),
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      appends: fc.array(fc.record({ group, term: off, end: off, entries: fc.array(bytes, { maxLength: 4 }) }), {
        maxLength: 4,
      }),
    }),
  },
  fc.record({ kind: fc.constant('snapshot' as const), group, term: off, index: off, bytes }),
  fc.record({ kind: fc.constant('trim' as const), group, term: off, first: off }),
  fc.record({ kind: fc.constant('read' as const), group, from: fc.nat(6), bytesMax: fc.nat(100) }),
  fc.record({ kind: fc.constant('remove' as const), groups: fc.array(group, { maxLength: 2 }) }),
  fc.record({ kind: fc.constant('meta' as const), key: group, value: fc.option(fc.string(), { nil: undefined }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

interface Known {
  term: number;
  end: number;
  first: number;
  snapshot: number;
}

/** Does the call and says all that can be seen of it. */
async function perform(log: ReplicatedLog, call: Call, known: ReadonlyMap<string, Known>): Promise<unknown> {
  const of = (name: string) => known.get(name) ?? { term: 1, end: 0, first: 1, snapshot: -1 };
  const asTerm = (name: string, shift: number): Term => term(Math.max(0, of(name).term + shift));
  switch (call.kind) {
    case 'open':
      return log.open(call.groups, term(call.atLeast));
    case 'append':
      return log.append(
        call.appends.map((append) => ({
          group: append.group,
          term: asTerm(append.group, append.term),
          expectedEnd: Math.max(0, of(append.group).end + append.end),
          entries: append.entries,
        })),
      );
    case 'snapshot': {
      const index = Math.max(0, of(call.group).end + call.index);
      return log.saveSnapshot(call.group, asTerm(call.group, call.term), { index, bytes: Buffer.from(call.bytes) });
    }
    case 'trim':
      return log.trim(call.group, asTerm(call.group, call.term), of(call.group).snapshot + 1 + call.first);
    case 'read':
      return log.read(call.group, of(call.group).first + call.from, call.bytesMax);
    case 'remove':
      return log.remove(call.groups);
    case 'meta':
      await log.writeMeta(call.key, call.value);
      return log.readMeta(call.key);
    default:
      return undefined;
  }
}

/** Everything that both logs hold; opening is part of it and raises the terms of both alike. */
async function everything(log: ReplicatedLog) {
  const heads = await log.open(await log.groups(''));
  return Promise.all(heads.map(async (head) => ({ head, entries: await log.read(head.group, head.first, 1 << 30) })));
}

const seen = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => JSON.stringify(value, (_, part) => (part instanceof Error ? `error ${part.message}` : part)),
    (error: Error) => `rejected ${error.message}`,
  );

it('agrees with the memory log on every history', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cloudtopics-model-'));
  let runs = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
        const directory = join(root, `${runs++}`);
        const onFatal = (error: Error) => {
          throw error;
        };
        const openEmbedded = () => openEmbeddedLog({ directory, random: systemRandom, onFatal });
        let memory = new MemoryLog();
        let embedded = await openEmbedded();
        try {
          for (const call of calls) {
            const known = new Map(
              [...memory.disk.groups].map(([name, { term, end, first, snapshotIndex }]) => [
                name,
                { term, end, first, snapshot: snapshotIndex },
              ]),
            );
            const [expected, actual] = await Promise.all([
              seen(perform(memory, call, known)),
              seen(perform(embedded, call, known)),
            ]);
            expect(actual, JSON.stringify(call)).toBe(expected);
            if (call.kind !== 'restart') continue;
            await embedded[Symbol.asyncDispose]();
            embedded = await openEmbedded();
            memory = new MemoryLog({ disk: memory.disk });
          }
          expect(await seen(everything(embedded))).toBe(await seen(everything(memory)));
        } finally {
          await embedded[Symbol.asyncDispose]();
        }
      }),
      { numRuns: 60 },
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

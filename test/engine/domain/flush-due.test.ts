// When a flush is due: by how long rows have waited for it, whatever the wall clock says, and by how much an opening would replay.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { encodeEntry } from '../../../src/engine/domain/domain-entry-format.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import type { LogEntry } from '../../../src/engine/replicated-log/replicated-log.ts';
import { DomainStage, rowsOf, set, tinyRules } from './domain-stage.ts';

/** Its wall clock can be set. */
class SetClock extends VirtualClock {
  offsetMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.offsetMs;
  }
}

class SetClockStage extends DomainStage {
  override readonly clock = new SetClock();
}

const never = { everyMs: () => 1e12 };

describe('a wall clock that is set', () => {
  it.each([-3_600_000, 3_600_000])('by %i ms changes nothing of when rows are flushed', async (byMs) => {
    const at = new SetClockStage();
    const domain = await at.open({ flush: { everyMs: () => 60_000 } });
    await domain.write([set('a', '1')]);
    await at.clock.advance(30_000);
    at.clock.offsetMs = byMs;
    await at.clock.advance(25_000);
    expect(domain.stats().lsm.dirtySinceMs).toBe(at.clock.nowMs() - 55_000);
    expect(await at.manifestKeys()).toHaveLength(0);
    await at.clock.advance(10_000);
    expect(await at.manifestKeys()).toHaveLength(1);
  });
});

describe('the tail of the log', () => {
  it('is flushed before it has grown to several memtables, however few rows it is about', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: never });
    let most = 0;
    for (let n = 0; n < 200; n++) {
      await domain.write([set('one row', `${n} ${'x'.repeat(500)}`)]);
      await at.clock.advance(1000);
      most = Math.max(most, domain.stats().log.tailBytes);
    }
    expect(most).toBeGreaterThan(tinyRules.memtableBytesMax);
    expect(most).toBeLessThan(8 * tinyRules.memtableBytesMax);
  });

  it('is flushed soon by whoever finds it, so that no row gets old over restarts', async () => {
    const at = new DomainStage();
    const everyMs = () => 60_000;
    await (await at.open({ flush: { everyMs } })).write([set('a', '1')]);
    for (let restarts = 0; restarts < 3; restarts++) {
      await at.clock.advance(30_000);
      at.crash();
      await at.open({ flush: { everyMs } });
    }
    await at.clock.advance(1000);
    expect(at.log.disk.groups.get('domain/test')?.snapshot?.index).toBe(1);
  });

  it('is replayed piece by piece: what later entries overwrite is not held', async () => {
    const at = new DomainStage();
    const log = new EndlessLog();
    const domain = await at.open({ log, flush: never });
    expect(await rowsOf(domain)).toHaveLength(1);
    expect((await domain.get('one row'))?.readUInt32BE()).toBe(log.entries);
    expect(log.heldBytesMax).toBeLessThan(40 * 1024 * 1024);
  });
});

/** Its tail overwrites one large row again and again; it notices how much of that stays in memory. */
class EndlessLog extends MemoryLog {
  readonly entries = 200;
  heldBytesMax = 0;
  #heldBefore: number | undefined;

  override async open(groups: readonly string[]): ReturnType<MemoryLog['open']> {
    const [opened] = await super.open(groups);
    return opened === undefined ? [] : [{ ...opened, end: this.entries }];
  }

  override async read(_group: string, index: number): Promise<LogEntry[]> {
    if (index % 20 === 0) this.#measure();
    const value = Buffer.alloc(500_000);
    value.writeUInt32BE(index);
    const bytes = encodeEntry({
      writeId: '00000000-0000-4000-8000-000000000000',
      changes: [{ key: 'one row', value }],
    });
    return [{ index, term: 1 as LogEntry['term'], bytes }];
  }

  #measure(): void {
    collectGarbage();
    const held = process.memoryUsage().arrayBuffers;
    this.#heldBefore ??= held;
    this.heldBytesMax = Math.max(this.heldBytesMax, held - this.#heldBefore);
  }
}

/** Twice: memory of buffers is given back behind a collection's end, and at the latest when the next one begins. */
function collectGarbage(): void {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
}

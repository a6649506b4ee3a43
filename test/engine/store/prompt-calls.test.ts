import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { PromptCalls } from '../../../src/engine/store/prompt-calls.ts';

/** A clock on which every direct call takes `ms`. */
function calls(ms: () => number) {
  const clock = new VirtualClock();
  let nowMs = 0;
  const made = new PromptCalls({ ...clock, nowMs: () => 0, after: () => ({ cancel() {} }), monotonicMs: () => nowMs });
  const how: string[] = [];
  const call = () =>
    made.run(
      () => {
        nowMs += ms();
        how.push('direct');
      },
      async () => {
        how.push('pooled');
      },
    );
  return { call, how };
}

describe('small calls to the file system', () => {
  it('are made directly while they are prompt', async () => {
    const { call, how } = calls(() => 0.02);
    for (let at = 0; at < 300; at++) await call();
    expect(new Set(how)).toEqual(new Set(['direct']));
  });

  it('go through the pool for a while after a slow one, and are then tried again', async () => {
    const { call, how } = calls(() => 5);
    for (let at = 0; at < 600; at++) await call();
    expect(how.filter((one) => one === 'direct')).toHaveLength(3);
    expect(how.indexOf('direct', 1)).toBe(257);
  });

  it('reject with what the direct call threw', async () => {
    const made = new PromptCalls(new VirtualClock());
    const failing = made.run(
      () => {
        throw new Error('ENOENT');
      },
      async () => {},
    );
    await expect(failing).rejects.toThrow('ENOENT');
  });
});

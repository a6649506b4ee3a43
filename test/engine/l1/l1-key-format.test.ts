import { describe, expect, it } from 'vitest';
import { formatL1Key, l1Prefix, parseL1Key } from '../../../src/engine/l1/l1-key-format.ts';
import { clusterId, objectIdOf } from './l1-stage.ts';

describe('the key of an L1 object', () => {
  it('comes back as it was made', () => {
    const key = formatL1Key(clusterId, objectIdOf(1));
    expect(key).toBe(`${clusterId}/level_one/33333333-3333-4333-8333-000000000001`);
    expect(key.startsWith(l1Prefix(clusterId))).toBe(true);
    expect(parseL1Key(clusterId, key)).toBe(objectIdOf(1));
  });

  it.each([
    '',
    'level_one',
    `${clusterId}/level_one/`,
    `${clusterId}/level_one/not-a-uuid`,
    `${clusterId}/level_one/${objectIdOf(1)}/more`,
    `${clusterId}/level_zero/${objectIdOf(1)}`,
    `99999999-9999-4999-8999-999999999999/level_one/${objectIdOf(1)}`,
  ])('is refused when it is none: %s', (key) => {
    expect(() => parseL1Key(clusterId, key)).toThrow(expect.objectContaining({ code: 'corrupt-object' }));
  });
});

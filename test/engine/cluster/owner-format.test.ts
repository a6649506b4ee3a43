import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { incarnation } from '../../../src/engine/base/ids.ts';
import {
  decodeClusterName,
  decodeOwner,
  encodeClusterName,
  encodeOwner,
  type Owner,
} from '../../../src/engine/cluster/owner-format.ts';

const owner: Owner = {
  clusterId: '3f2c1a00-5b1e-4c39-9d0e-0123456789ab',
  clusterName: 'default',
  incarnation: incarnation(1),
  logIdentity: '9a8b7c6d-0000-4000-8000-00000000000f',
  leaseMs: 15_000,
  start: { counter: 42, nonce: '77777777-7777-4777-8777-777777777777' },
  startedAt: '2026-01-02T03:04:05.678Z',
};
const name = { name: 'default', clusterId: owner.clusterId };
const golden = (file: string) => readFileSync(new URL(`../../golden/${file}`, import.meta.url));

it('is byte for byte what it always was', () => {
  expect(encodeOwner(owner).toString()).toBe(golden('owner-v1.txt').toString());
  expect(encodeClusterName(name).toString()).toBe(golden('cluster-name-v1.txt').toString());
});

it('reads the specimens of version 1', () => {
  expect(decodeOwner(golden('owner-v1.txt'), 'OWNER')).toEqual(owner);
  expect(decodeClusterName(golden('cluster-name-v1.txt'), 'clusters/default')).toEqual(name);
});

describe.each([
  ['OWNER', encodeOwner(owner), decodeOwner],
  ['cluster name', encodeClusterName(name), decodeClusterName],
] as const)('%s', (_, whole, decode) => {
  it('is refused when it is cut anywhere', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => decode(whole.subarray(0, length), 'the-key'), `${length} bytes`).toThrow(/the-key/);
    }
  });

  it('is refused when any bit is flipped', () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decode(damaged, 'the-key'), `bit ${bit}`).toThrow(/the-key/);
    }
  });

  it('names a newer version', () => {
    const newer = Buffer.from(whole.toString().replace(' 1 crc32c', ' 2 crc32c'));
    expect(() => decode(newer, 'the-key')).toThrow('the-key has format version 2');
  });
});

it('refuses members that are missing, wrong or unknown, and says which', () => {
  const change = (members: Record<string, unknown>) => () =>
    decodeOwner(encodeOwner({ ...owner, ...members }), 'OWNER');
  expect(change({ leaseMs: 0 })).toThrow('"leaseMs"');
  expect(change({ clusterId: 'x' })).toThrow('"clusterId"');
  expect(change({ start: { counter: 1.5, nonce: owner.start.nonce } })).toThrow('"startCounter"');
  expect(change({ startedAt: undefined })).toThrow('"startedAt"');
  expect(() => decodeOwner(encodeClusterName(name), 'OWNER')).toThrow('does not begin with "cloudtopics-owner"');
});

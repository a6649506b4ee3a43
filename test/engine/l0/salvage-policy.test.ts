import { describe, expect, it } from 'vitest';
import { incarnation, noStamp, offset, type Stamp, term } from '../../../src/engine/base/ids.ts';
import { salvageChain } from '../../../src/engine/l0/salvage-policy.ts';

/** "2.1" is term 2, attempt 1; "0.0" is before everything. */
function stamp(text: string): Stamp {
  const [inTerm, attempt] = text.split('.').map(Number) as [number, number];
  return text === '0.0' ? noStamp : { incarnation: incarnation(1), term: term(inTerm), attempt };
}

function batch(name: string, at: string, stamped: string, link: string) {
  const [base, last] = at.split('-').map(Number) as [number, number];
  return { name, baseOffset: offset(base), lastOffset: offset(last ?? base), stamp: stamp(stamped), link: stamp(link) };
}

const from = (nextOffset: number, below: string) => ({ nextOffset: offset(nextOffset), stamp: stamp(below) });
const names = (chain: { name: string }[]) => chain.map((one) => one.name).join(' ');

describe('salvage', () => {
  it('follows offsets and links, and stops at the first gap', () => {
    const batches = [
      batch('a', '0-2', '1.0', '0.0'),
      batch('b', '3', '1.0', '1.0'),
      batch('after a gap', '5', '1.0', '1.0'),
    ];
    expect(names(salvageChain(from(0, '0.0'), batches))).toBe('a b');
  });

  it('prefers the highest stamp at an offset: a later leader started there because nothing lower was committed', () => {
    const batches = [
      batch('old', '0', '1.0', '0.0'),
      batch('new', '0', '2.0', '0.0'),
      batch('dead attempt', '0', '1.1', '0.0'),
    ];
    expect(names(salvageChain(from(0, '0.0'), batches))).toBe('new');
  });

  it('does not take what a deposed leader uploaded further up', () => {
    const batches = [
      batch('old 0', '0', '1.0', '0.0'),
      batch('old 1', '1', '1.0', '1.0'),
      batch('new 0', '0', '2.0', '0.0'),
      batch('even newer zombie', '1', '3.0', '1.0'),
    ];
    expect(names(salvageChain(from(0, '0.0'), batches))).toBe('new 0');
  });

  it('starts from a flushed offset and the stamp below it', () => {
    const batches = [batch('a', '7', '1.0', '1.0'), batch('b', '7', '5.0', '4.0')];
    expect(names(salvageChain(from(7, '1.0'), batches))).toBe('a');
  });

  it('is not misled by doubles', () => {
    const twice = batch('a', '0', '1.0', '0.0');
    expect(names(salvageChain(from(0, '0.0'), [twice, twice]))).toBe('a');
  });
});

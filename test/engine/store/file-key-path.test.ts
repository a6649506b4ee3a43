// Keys as paths: examples as the header tells them, one to one for all keys, names never too long.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { directoryPath, objectPath, parseFileName } from '../../../src/engine/store/file-key-path.ts';
import { compareKeys } from '../../../src/engine/store/object-key.ts';

const segment = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...'aZ09._-+=@,%~ /é日😀'.replace('/', '')), minLength: 1, maxLength: 8 }),
    fc.constantFrom('a.object', 'a.more', '.object', '.more', '%2E', '...', '.x'),
    fc.string({ unit: fc.constantFrom('l', '.', 'é', '%'), minLength: 230, maxLength: 500 }),
  )
  .filter((text) => text !== '.' && text !== '..');
const key = fc.array(segment, { minLength: 1, maxLength: 2 }).map((segments) => segments.join('/'));

/** The key behind a path, read the way a listing reads it. */
function keyOf(path: string): string {
  const parts: Buffer[] = [];
  for (const name of path.split('/')) {
    const parsed = parseFileName(name);
    if (parsed.kind === 'foreign') throw new Error(`foreign name ${name}`);
    parts.push(parsed.text);
    if (parsed.kind === 'directory') parts.push(Buffer.from('/'));
  }
  return Buffer.concat(parts).toString();
}

describe('key and path', () => {
  it.each([
    ['cluster/OWNER', 'cluster/OWNER.object'],
    ['cluster/OWNER/x', 'cluster/OWNER/x.object'],
    ['a.object/b', 'a%2Eobject/b.object'],
    ['.hidden', '%2Ehidden.object'],
    ['a b/ü', 'a%20b/%C3%BC.object'],
    ['x'.repeat(300), `${'x'.repeat(240)}.more/${'x'.repeat(60)}.object`],
  ])('%s', (from, to) => {
    expect(objectPath(from)).toBe(to);
  });

  it('gives every key back', () => {
    fc.assert(
      fc.property(key, (text) => {
        expect(keyOf(objectPath(text))).toBe(text);
      }),
    );
  });

  it('never gives an object the name of a directory, nor a name that is too long or hidden', () => {
    fc.assert(
      fc.property(key, (text) => {
        const names = [...objectPath(text).split('/'), ...directoryPath(text.split('/')[0] as string).split('/')];
        for (const name of names) {
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
          expect(name.startsWith('.')).toBe(false);
        }
        expect(directoryPath(text.split('/')[0] as string)).not.toMatch(/\.object$/);
      }),
    );
  });

  it.each(['.cloudtopics-store', 'lost found', '%zz.object', '.object', ''])('knows %j for foreign', (name) => {
    expect(parseFileName(name).kind).toBe('foreign');
  });
});

describe('order of keys', () => {
  it('is the order of their UTF-8 bytes', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '\u07ff', '\ud7ff', '\ue000', '\uffef', '😀', '\u{10ffff}'),
      maxLength: 5,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

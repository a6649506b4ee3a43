// Guards what is written: nothing that holds on one machine only, no hosts of package registries, and none of the words that
// DESIGN §2 leaves out.

import { describe, expect, it } from 'vitest';
import { filesUnder, type SourceFile } from './source-tree.ts';

const written = ['src', 'test', 'docs', 'bench', 'bin', 'man', 'tools', '.ci']
  .flatMap((folder) => filesUnder(folder, (path) => !/\.(bin|gz|png|lock)$/.test(path)))
  .concat(
    filesUnder('.', (path) => /^[^/]+\.(md|json|ts)$/.test(path) && path !== 'package-lock.json').filter(
      ({ path }) => !path.includes('/'),
    ),
  );

/** Spelled apart, so that this file does not find itself. */
const forbidden: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(`/${'work'}/|/${'root'}/|/${'home'}/[a-z]|/${'Users'}/`),
    'is a path of one machine; write it relative, or make it at run time',
  ],
  [
    new RegExp(`registry\\.${'npmjs'}|${'artifact'}ory|repo1?\\.${'maven'}|maven-${'central'}\\.`, 'i'),
    'is the host of a package registry; leave the choice to the client’s settings',
  ],
  [
    new RegExp(
      `\\b${'A'}I\\b|\\b${'LL'}M|[Cc]hat${'GPT'}|[Oo]pen${'A'}I|[Aa]nth${'ropic'}|[Cc]la${'ude'}|[Cc]o${'pilot'}`,
    ),
    'says how it was made; say what it does',
  ],
];

function findings({ path, text }: SourceFile, word: RegExp, reason: string): string[] {
  return text.split('\n').flatMap((line, at) => {
    const found = word.exec(line)?.[0];
    return found === undefined ? [] : [`${path}:${at + 1}: "${found}" ${reason}`];
  });
}

describe('what is written', () => {
  it('is looked at', () => {
    expect(written.length).toBeGreaterThan(100);
  });

  it.each(forbidden)('holds nowhere %s', (word, reason) => {
    expect(written.flatMap((file) => findings(file, word, reason))).toEqual([]);
  });

  it('marks nothing as unfinished', () => {
    const marks = new RegExp(`\\b(${'TO'}DO|${'FIX'}ME|${'X'}XX|${'HA'}CK)\\b`);
    expect(
      written.flatMap((file) => findings(file, marks, 'marks something unfinished; finish it or describe the limit')),
    ).toEqual([]);
  });
});

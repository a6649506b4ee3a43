// Guards file habits: names that explain themselves, small files, a header, no default exports, no ambient time or chance.

import { describe, expect, it } from 'vitest';
import { filesUnder, isTypeScript, type SourceFile } from './source-tree.ts';

const sources = filesUnder('src', isTypeScript);
const tests = filesUnder('test', isTypeScript);
const everything = [...sources, ...tests, ...filesUnder('bench', isTypeScript)];

const sourceLinesMax = 400;
const testLinesMax = 600;
const nameless = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'misc',
  'manager',
  'managers',
  'types',
  'shared',
]);

const lines = ({ text }: SourceFile) => text.split('\n').length - 1;
const isCommand = ({ path }: SourceFile) => path.startsWith('src/commands/');

describe('files', () => {
  it('are looked at', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(tests.length).toBeGreaterThan(10);
  });

  it('and folders have kebab-case names', () => {
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/;
    const wrong = everything
      .filter(({ path }) => !kebab.test(path))
      .map(({ path }) => `${path}: rename it to kebab-case with the extension .ts`);
    expect(wrong).toEqual([]);
  });

  it('say what is in them', () => {
    const says = (path: string) => path.split(/[/.-]/).find((word) => nameless.has(word));
    const wrong = everything
      .filter(({ path }) => says(path) !== undefined || path.endsWith('/index.ts'))
      .map(({ path }) => `${path}: "${says(path) ?? 'index'}" says nothing; name the file after its one main export`);
    expect(wrong).toEqual([]);
  });

  it('of the sources begin with a comment that says what they are', () => {
    const wrong = sources
      .filter(({ text }) => !/^(\/\/ \S|\/\*\*)/.test(text))
      .map(({ path }) => `${path}: begin with a short header: what it is, what it keeps, what it refuses`);
    expect(wrong).toEqual([]);
  });

  it('stay small', () => {
    const tooLong = (files: SourceFile[], max: number) =>
      files
        .filter((file) => lines(file) > max)
        .map((file) => `${file.path}: ${lines(file)} lines, at most ${max}; something in it wants a file of its own`);
    expect([...tooLong(sources, sourceLinesMax), ...tooLong(tests, testLinesMax)]).toEqual([]);
  });

  it('have no default export outside src/commands, and no barrel', () => {
    const wrong = [...sources, ...tests]
      .filter(
        (file) =>
          (!isCommand(file) && /^export default\b|\bas default\b/m.test(file.text)) || /^export \*/m.test(file.text),
      )
      .map(({ path }) => `${path}: export things by their names`);
    expect(wrong).toEqual([]);
  });

  it('of the engine take time and chance as arguments', () => {
    const ambient =
      /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomBytes|randomUUID|setTimeout|setInterval|systemClock|systemRandom)\b/;
    const mayHold = (path: string) =>
      ['src/engine/base/clock.ts', 'src/engine/base/random.ts'].includes(path) ||
      path.endsWith('-loop.ts') ||
      /^src\/engine\/[^/]+\.ts$/.test(path);
    const wrong = sources
      .filter(({ path }) => path.startsWith('src/engine/') && !mayHold(path))
      .flatMap(({ path, text }) => {
        const found = ambient.exec(text.replace(/^\s*(\/\/|\*).*$/gm, ''))?.[0];
        return found === undefined ? [] : [`${path} uses ${found}: take a Clock or a Random, or be a -loop file`];
      });
    expect(wrong).toEqual([]);
  });
});

// Guards the layers: imports go down only, equals do not know each other, rooms are entered through their front door, and only
// the rooms that are meant to touch the world.

import { describe, expect, it } from 'vitest';
import { importsOf } from './import-scanner.ts';
import { misplaced, roomOf, wrongImport } from './layers.ts';
import { exists, filesUnder, isTypeScript } from './source-tree.ts';

const sources = filesUnder('src', isTypeScript);
const imports = sources.flatMap(importsOf);

const problems = (found: (string | undefined)[]): string[] => found.filter((problem) => problem !== undefined);

describe('the layers of the house', () => {
  it('are looked at: there are sources, and they import each other', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(imports.filter(({ target }) => target !== undefined).length).toBeGreaterThan(sources.length);
  });

  it('have a place for every file', () => {
    expect(problems(sources.map(({ path }) => misplaced(path)))).toEqual([]);
  });

  it('let imports go down only, past equals never, and through front doors', () => {
    expect(problems(imports.map(wrongImport))).toEqual([]);
  });

  it('have no import that leads nowhere', () => {
    const nowhere = imports
      .filter(({ target }) => target !== undefined && !exists(target))
      .map(({ from, specifier }) => `${from} imports ${specifier}, which does not exist (write the path with .ts)`);
    expect(nowhere).toEqual([]);
  });

  it('keep base free of packages, but for the checksum', () => {
    const packages = imports
      .filter(({ from, target }) => target === undefined && roomOf(from) === 'base')
      .filter(({ specifier }) => !specifier.startsWith('node:') && specifier !== '@node-rs/crc32')
      .map(
        ({ from, specifier }) =>
          `${from} imports ${specifier}: base imports node: only; put it into the room that needs it`,
      );
    expect(packages).toEqual([]);
  });

  it('let only stores, logs, the listener and what runs the command touch the world', () => {
    const world =
      /^(node:(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|child_process|sqlite)|lmdb|@aws-sdk\/.*|@smithy\/.*)$/;
    const mayTouch = new Set(['store', 'replicated-log', 'broker', 'admin', 'engine', 'cli', 'commands']);
    // Local copies of objects, behind a port of their own: losing them costs time only, so no store is asked to keep them.
    const mayTouchFiles = new Set(['src/engine/disk-cache/chunk-file-system.ts']);
    const touched = imports
      .filter(({ from, specifier }) => world.test(specifier) && !mayTouch.has(roomOf(from) ?? ''))
      .filter(({ from }) => !mayTouchFiles.has(from))
      .map(({ from, specifier }) => `${from} imports ${specifier}: pass the store, the log or a stream in instead`);
    expect(touched).toEqual([]);
  });

  it('keep formats and policies pure', () => {
    const impure = imports
      .filter(
        ({ from, specifier }) => /-(format|policy)\.ts$/.test(from) && /^node:(fs|net|http|timers)/.test(specifier),
      )
      .map(
        ({ from, specifier }) => `${from} imports ${specifier}: a format is bytes and a policy a decision, both pure`,
      );
    expect(impure).toEqual([]);
  });
});

describe('the judgement of an import', () => {
  const judge = (from: string, specifier: string) =>
    importsOf({ path: from, text: `import { x } from '${specifier}';` }).map(wrongImport)[0];

  it.each([
    ['src/engine/l0/l0-writer.ts', '../store/object-store.ts', 'a port'],
    ['src/engine/l0/l0-writer.ts', './l0-object-format.ts', 'its own room'],
    ['src/engine/partition/committer.ts', '../l0/l0-object-format.ts', 'a format'],
    ['src/engine/broker/handlers/fetch.ts', '../../partition/partition.ts', 'a front door'],
    ['src/engine/broker/handlers/fetch.ts', '../connection.ts', 'the room around it'],
    ['src/commands/topics/list.ts', '../../cli/table.ts', 'a tool'],
    ['src/commands/serve.ts', '../engine/engine.ts', 'the composition root'],
    ['src/engine/engine.ts', './broker/broker.ts', 'a room below'],
    ['src/engine/led-partitions.ts', './partition/committer.ts', 'the composition root puts rooms together'],
  ])('lets %s import %s: %s', (from, specifier) => {
    expect(judge(from, specifier)).toBeUndefined();
  });

  it.each([
    ['src/engine/store/s3-store.ts', '../wire/wire.ts', 'equals'],
    ['src/engine/partition/partition.ts', '../cluster/cluster.ts', 'equals'],
    ['src/engine/l0/l0.ts', '../partition/partition.ts', 'imports go down only'],
    ['src/engine/base/ids.ts', '../store/object-store.ts', 'imports go down only'],
    ['src/engine/broker/broker.ts', '../../cli/output.ts', 'imports go down only'],
    ['src/engine/partition/partition.ts', '../l0/l0-writer.ts', 'front door l0/l0.ts'],
    ['src/commands/serve.ts', '../engine/led-partitions.ts', 'front door engine/engine.ts'],
    ['src/engine/engine.ts', '../cli/output.ts', 'imports go down only'],
    ['src/engine/engine.ts', './admin/kafka-client.ts', 'equals'],
    ['src/engine/admin/admin.ts', '../cluster/ownership.ts', 'front door cluster/cluster.ts'],
    ['src/engine/l0/l0.ts', '../../../test/support/kcat.ts', 'leads out of src'],
  ])('stops %s from importing %s: %s', (from, specifier, reason) => {
    expect(judge(from, specifier)).toContain(reason);
  });

  it('sees every way to import, and no import in a comment', () => {
    const text = [
      "import a from './a.ts'; // import b from './b.ts'",
      "import type {\n  C,\n} from './c.ts';",
      "/* import d from './d.ts' */",
      "export { e } from './e.ts';",
      "const f = await import('./f.ts');",
      "import './g.ts';",
      "const url = 'http://x'; type H = import('./h.ts').H;",
    ].join('\n');
    const found = importsOf({ path: 'src/engine/l0/l0.ts', text }).map(({ target }) => target);
    expect(found).toEqual(['a', 'c', 'e', 'f', 'g', 'h'].map((name) => `src/engine/l0/${name}.ts`));
  });
});

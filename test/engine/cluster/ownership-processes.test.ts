// Ownership with real processes: a directory store, data directories with the embedded log, copies made with `cp -r`.

import { cpSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Child } from '../replicated-log/child-process.ts';

async function scratch() {
  const root = await mkdtemp(join(tmpdir(), 'cloudtopics-ownership-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const start = (data: string, ...mode: string[]): Child => {
    const child = new Child('../cluster/ownership-child.ts', [join(root, 'bucket'), join(root, data), ...mode]);
    onTestFinished(() => child.kill());
    return child;
  };
  const copy = (from: string, to: string) => cpSync(join(root, from), join(root, to), { recursive: true });
  return { start, copy };
}

const startsOf = async (child: Child) => Number(/^owner \S+ start (\d+)$/.exec((await child.line()) ?? '')?.[1]);

it('refuses a second process, a fresh directory and a copy; takes the directory itself again after SIGKILL', async () => {
  const { start, copy } = await scratch();
  const first = start('data');
  expect(await startsOf(first)).toBe(1);
  expect(await start('data').line()).toBe('refused directory-locked ');
  expect(await start('fresh').line()).toBe('refused owner-mismatch fresh-directory');
  await first.kill();
  copy('data', 'copy');
  const again = start('data');
  expect(await startsOf(again)).toBe(2);
  expect(await start('copy').line()).toBe('refused owner-mismatch stale-directory');
});

it('fences a running process when a copy of its directory is started', async () => {
  const { start, copy } = await scratch();
  const stopped = start('data');
  expect(await startsOf(stopped)).toBe(1);
  await stopped.kill();
  copy('data', 'copy');
  // The copy is first here, so it is the directory that has become the stale one.
  const running = start('copy');
  expect(await startsOf(running)).toBe(2);
  expect(await start('data').line()).toBe('refused owner-mismatch stale-directory');

  copy('copy', 'thief');
  const thief = start('thief');
  expect(await startsOf(thief)).toBe(3);
  expect(await running.line()).toBe('lost fenced-owner');
  await running.exited;
});

it('goes on after a crash between OWNER and its record, and refuses a copy from before that start', async () => {
  const { start, copy } = await scratch();
  const created = start('data', 'die-after-owner');
  expect(await created.line()).toBeUndefined();
  const first = start('data');
  expect(await startsOf(first)).toBe(1);
  await first.kill();
  copy('data', 'old');
  const died = start('data', 'die-after-owner');
  expect(await died.line()).toBeUndefined();
  const second = start('data');
  expect(await startsOf(second)).toBe(3);
  expect(await start('old').line()).toBe('refused owner-mismatch stale-directory');
});

// The package as its users get it: packed from a copy of the checkout, unpacked elsewhere, run from there.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from './run-command.ts';

const run = promisify(execFile);
const checkout = fileURLToPath(root);
const packed = ['bin', 'man', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'LICENSE', 'README.md'];

describe('the packed command', { timeout: 240_000 }, () => {
  let directory: string;
  let script: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-package-'));
    const copy = join(directory, 'copy');
    await mkdir(copy);
    for (const name of packed)
      if (existsSync(join(checkout, name))) await cp(join(checkout, name), join(copy, name), { recursive: true });
    await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
    const { stdout } = await run('npm', ['pack', '--silent'], { cwd: copy });
    const tarball = stdout.trim().split('\n').at(-1) as string;
    await run('tar', ['xzf', join(copy, tarball)], { cwd: directory });
    await symlink(join(checkout, 'node_modules'), join(directory, 'package', 'node_modules'));
    script = join(directory, 'package', 'bin', 'run.js');
  }, 240_000);
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  const command = (...args: string[]) =>
    run(process.execPath, [script, ...args], { cwd: directory }).then(
      ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        status: error.code,
        stdout: error.stdout,
        stderr: error.stderr,
      }),
    );

  it('holds what is run and read, and no sources', async () => {
    const has = (name: string) => existsSync(join(directory, 'package', name));
    expect(['dist/cli/main.js', 'oclif.manifest.json', 'man/cloudtopics.1', 'LICENSE'].map(has)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['src', 'test', 'tsconfig.json'].map(has)).toEqual([false, false, false]);
  });

  it('runs outside the checkout', async () => {
    const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as { version: string };
    expect((await command('--version')).stdout).toContain(`cloudtopics/${version} `);
    expect(JSON.parse((await command('explain', 'bug', '--json')).stdout)).toMatchObject({ code: 'bug' });
    expect((await command('--help')).stdout).toContain('serve');
    expect((await command('topics', 'delete', '--help')).stdout).toContain('EXIT STATUSES');
    // Loads the client behind a dynamic import, which a wrong build target leaves pointing at .ts.
    expect((await command('topics', 'list', '--bootstrap', '127.0.0.1:1')).status).toBe(8);
    // Loads the engine, and refuses the store before anything is written.
    expect((await command('serve', '--store', 'ftp://x', '--admin', 'none', '--listen', '127.0.0.1:0')).status).toBe(2);
  });

  it('says on an old Node what it needs, and ends with 11', async () => {
    const old = join(directory, 'old-node.cjs');
    await writeFile(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });",
    );
    const ended = await run(process.execPath, ['--require', old, script, '--version']).then(
      () => undefined,
      (error: { code: number; stderr: string; stdout: string }) => error,
    );
    expect(ended).toMatchObject({
      code: 11,
      stdout: '',
      stderr: expect.stringContaining('needs Node 24.6 or newer; this is Node 20.20.2'),
    });
  });
});

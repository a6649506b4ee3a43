// Takes files out of the page cache, so that what is read next comes from the disk. Only these files: dropping all of the machine's
// caches would slow down what both brokers start with, and everybody else. What the host below a virtual machine keeps stays there.

import { execFile } from 'node:child_process';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const argumentsMax = 200;

export interface Dropped {
  readonly fileBytes: number;
  /** What fincore still finds in the page cache; undefined where that cannot be told. */
  readonly leftBytes: number | undefined;
}

/** All files below a directory. Their process must not run, or pages it has mapped stay. */
export async function dropFromPageCache(directory: string): Promise<Dropped> {
  await run('sync');
  const files = await filesBelow(directory);
  for (const { path } of files) await run('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  const paths = files.map(({ path }) => path);
  let leftBytes: number | undefined = 0;
  for (let at = 0; at < paths.length && leftBytes !== undefined; at += argumentsMax) {
    const left = await residentBytes(paths.slice(at, at + argumentsMax));
    leftBytes = left === undefined ? undefined : leftBytes + left;
  }
  return { fileBytes: files.reduce((sum, { bytes }) => sum + bytes, 0), leftBytes };
}

export async function filesBelow(directory: string): Promise<{ readonly path: string; readonly bytes: number }[]> {
  const files: { path: string; bytes: number }[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // Files come and go while a broker runs.
    if (entry.isFile())
      files.push({
        path,
        bytes: await stat(path).then(
          ({ size }) => size,
          () => 0,
        ),
      });
  }
  return files;
}

async function residentBytes(paths: readonly string[]): Promise<number | undefined> {
  try {
    const { stdout } = await run('fincore', ['--bytes', '--noheadings', '--output', 'RES', ...paths]);
    return stdout.split('\n').reduce((sum, line) => sum + Number(line), 0);
  } catch {
    return undefined;
  }
}

/** How fast the disk gives files that are not in the page cache, 8 MiB at a time, one after the other: the ceiling of a cold read. */
export async function diskReadCeiling(directory: string, bytesMax: number): Promise<number> {
  await dropFromPageCache(directory);
  const into = Buffer.allocUnsafeSlow(8 * 1024 * 1024);
  let read = 0;
  const started = performance.now();
  for (const { path } of await filesBelow(directory)) {
    if (read >= bytesMax) break;
    const file = await open(path);
    for (let got = 1; got > 0 && read < bytesMax; read += got) got = (await file.read(into, 0, into.length)).bytesRead;
    await file.close();
  }
  return read / 1_048_576 / ((performance.now() - started) / 1000);
}

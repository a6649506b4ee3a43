// What `produce` reads: files, or standard input. Files are checked before anything is sent. An interruption ends the
// reading as the end of the input would, so that what was read is still delivered and reported.

import { createReadStream, fstatSync, type Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { EngineError } from '../engine/base/errors.ts';

const chunkBytes = 1024 * 1024;

export interface InputFile {
  readonly name: string;
  readonly bytes: AsyncIterable<Buffer>;
}

/** In the order in which they were named. Throws before the first is read when one cannot be. */
export async function openInputs(
  files: readonly string[],
  stop: AbortSignal,
  stdin: Readable = process.stdin,
): Promise<InputFile[]> {
  const names = files.length === 0 ? ['-'] : files;
  for (const name of names) {
    if (name !== '-') await checkReadable(name);
  }
  return names.map((name) => ({
    name: name === '-' ? 'standard input' : name,
    bytes:
      name === '-'
        ? until(stop, () => stdin)
        : until(stop, () => createReadStream(name, { highWaterMark: chunkBytes })),
  }));
}

/** How much there is to read; undefined where a pipe or a terminal is among it. */
export async function inputBytes(files: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const name of files.length === 0 ? ['-'] : files) {
    const found = name === '-' ? standardInput() : await stat(name);
    if (found === undefined || !found.isFile()) return undefined;
    total += found.size;
  }
  return total;
}

/** A process may be started without one. */
function standardInput(): Stats | undefined {
  try {
    return fstatSync(0);
  } catch {
    return undefined;
  }
}

async function checkReadable(name: string): Promise<void> {
  try {
    await access(name, constants.R_OK);
    if ((await stat(name)).isDirectory()) throw new EngineError('usage', `${name} is a directory`);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new EngineError('usage', `cannot read ${name}: ${code === 'ENOENT' ? 'no such file' : code}`, {
      cause: error,
    });
  }
}

async function* until(stop: AbortSignal, open: () => Readable): AsyncGenerator<Buffer> {
  if (stop.aborted) return;
  try {
    for await (const chunk of addAbortSignal(stop, open())) yield chunk as Buffer;
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

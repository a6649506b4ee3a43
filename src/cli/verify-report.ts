// The report of a check of the metadata: a file of JSON lines, written as the check goes, from which a later run can go on. A run that
// was killed has left lines behind its last position: they are cut off, because the next run finds the same again.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { VerifyLine, VerifyResume } from '../engine/admin/admin.ts';
import { EngineError } from '../engine/base/errors.ts';

const lineBytesMax = 4 * 1024 * 1024;

export class VerifyReport implements AsyncDisposable {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** A new one; a file that is there is not written over. */
  static async create(path: string): Promise<VerifyReport> {
    try {
      return new VerifyReport(await open(path, 'wx'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw new EngineError('usage', `${path} exists already`, {
        cause: error,
        hint: `go on with --resume ${path}, or name another file`,
      });
    }
  }

  /** Goes on in an earlier one. */
  static async resume(path: string): Promise<{ report: VerifyReport; resume: VerifyResume }> {
    const { resume, keptBytes } = await readReport(path);
    const file = await open(path, 'r+');
    await file.truncate(keptBytes);
    await file.close();
    return { report: new VerifyReport(await open(path, 'a')), resume };
  }

  async line(line: VerifyLine): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(line)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.sync().catch(() => {});
    await this.#file.close();
  }
}

interface ReadReport {
  readonly resume: VerifyResume;
  /** Up to behind the last position. */
  readonly keptBytes: number;
}

async function readReport(path: string): Promise<ReadReport> {
  let begin: VerifyResume['begin'] | undefined;
  let reached: VerifyResume['reached'];
  let keptBytes = 0;
  for await (const { text, endBytes } of lines(path)) {
    const line = parsed(text);
    if (begin === undefined) {
      if (line?.schema !== 'cloudtopics/verify-begin/v1') break;
      begin = line;
      keptBytes = endBytes;
    } else if (line?.schema === 'cloudtopics/verify-position/v1') {
      reached = line;
      keptBytes = endBytes;
    } else if (line?.schema === 'cloudtopics/verify-end/v1' && line.complete) {
      throw new EngineError('usage', `the check in ${path} came to its end`, { hint: 'begin a new one with --report' });
    }
  }
  if (begin === undefined) {
    throw new EngineError('usage', `${path} is no report of metastore verify`, {
      hint: 'name the file that was given with --report',
    });
  }
  return { resume: { begin, reached }, keptBytes };
}

function parsed(text: string): VerifyLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && 'schema' in line ? (line as VerifyLine) : undefined;
  } catch {
    return undefined;
  }
}

/** Whole lines only: one that was cut off is left out. */
async function* lines(path: string): AsyncGenerator<{ readonly text: string; readonly endBytes: number }> {
  let rest = Buffer.alloc(0);
  let endBytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = rest.indexOf(0x0a); at >= 0; at = rest.indexOf(0x0a, from)) {
      endBytes += at + 1 - from;
      yield { text: rest.toString('utf8', from, at), endBytes };
      from = at + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > lineBytesMax)
      throw new EngineError('usage', `${path} has a line of more than ${lineBytesMax} bytes`);
  }
}

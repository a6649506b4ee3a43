// A disk of a few MiB that a test can fill and empty. Only root can mount one.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const canMount = process.platform === 'linux' && process.getuid?.() === 0;

export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Undefined where mounting is not allowed. */
  static async mount(size: string): Promise<SmallDisk | undefined> {
    const path = await mkdtemp(join(tmpdir(), 'cloudtopics-small-disk-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    if (status === 0) return new SmallDisk(path);
    await rm(path, { recursive: true });
    return undefined;
  }

  get #filler(): string {
    return join(this.path, 'filler');
  }

  /** Leaves no room for anything. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    try {
      for (const bytes of [65_536, 4096, 1]) {
        const piece = Buffer.alloc(bytes);
        while (tryWrite(file, piece));
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    spawnSync('umount', ['-l', this.path]);
    await rm(this.path, { recursive: true, force: true });
  }
}

function tryWrite(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) > 0;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOSPC') return false;
    throw error;
  }
}

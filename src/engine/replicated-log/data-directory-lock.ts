// Locks a data directory against a second process, on this machine or in another container that shares the file system.
//
// Node has no flock. SQLite takes fcntl locks on its file while a transaction is open exclusively, and the kernel releases them
// when the process dies, however it dies. LOCK.db holds nothing; `lock-holder.json` beside it says, for people, who has the lock
// (it may be stale when nobody has).

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';

/**
 * The locks of this process. They are held here and not only by whoever asked for them: a database handle that nobody refers to
 * is closed by the garbage collector, and the lock with it.
 */
const heldHere = new Map<string, DatabaseSync>();

export interface DirectoryLock extends Disposable {
  readonly directory: string;
}

/** Throws `directory-locked`, naming the directory and the holder, while another process has it. */
export async function lockDataDirectory(directory: string, clock: Clock): Promise<DirectoryLock> {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'LOCK.db');
  const holderPath = join(directory, 'lock-holder.json');
  if (heldHere.has(path)) throw locked(directory, holderPath);
  const { DatabaseSync: Database } = await importSqlite();
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    // 5 SQLITE_BUSY, 6 SQLITE_LOCKED
    const code = (error as { errcode?: number }).errcode;
    if (code === 5 || code === 6) throw locked(directory, holderPath);
    throw new EngineError('log-unavailable', `${path} cannot be locked: ${(error as Error).message}`, {
      context: { directory },
      cause: error,
    });
  }
  heldHere.set(path, database);
  noteHolder(holderPath, clock);
  return {
    directory,
    [Symbol.dispose]() {
      if (!heldHere.delete(path)) return;
      database.close();
    },
  };
}

/** Loading node:sqlite prints a warning that it is experimental; that is no news for an operator. */
async function importSqlite(): Promise<{ DatabaseSync: typeof DatabaseSync }> {
  const original = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).includes('SQLite')) return;
    Reflect.apply(original, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = original;
  }
}

function noteHolder(path: string, clock: Clock): void {
  const holder = { pid: process.pid, startedAt: new Date(clock.nowMs()).toISOString() };
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(holder)}\n`);
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk must not keep a broker from starting; the note only serves an error message.
  }
}

function locked(directory: string, holderPath: string): EngineError {
  let pid: number | undefined;
  let startedAt: string | undefined;
  try {
    const holder = JSON.parse(readFileSync(holderPath, 'utf8')) as { pid?: unknown; startedAt?: unknown };
    if (typeof holder.pid === 'number') pid = holder.pid;
    if (typeof holder.startedAt === 'string') startedAt = holder.startedAt;
  } catch {
    // Somebody has the lock and has not written who yet, or could not.
  }
  const who = pid === undefined ? 'another process' : `process ${pid}, which started at ${startedAt}`;
  return new EngineError('directory-locked', `${directory} is used by ${who}`, {
    context: { directory, pid, startedAt },
  });
}

// What is done to the store's directory when it is opened: made durable, its hidden part made, old temp files removed. To read it,
// nothing is done; it must be there.

import { dirname } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { FileStoreOptions } from './file-store.ts';
import { type FileSystem, fileErrorCode } from './file-system.ts';

/** A name no key maps to: names of keys never begin with a dot. */
const hiddenName = '.cloudtopics-store';
const orphanAgeMsDefault = 24 * 60 * 60 * 1000;

interface StorePaths {
  readonly temp: string;
  readonly lock: string;
}

export async function prepareStoreDirectory(options: FileStoreOptions): Promise<StorePaths> {
  const { fileSystem, directory } = options;
  const { hidden, paths } = pathsIn(directory);
  await makeDurable(fileSystem, directory);
  for (const path of [hidden, paths.temp]) await makeIfMissing(fileSystem, path);
  await removeOrphans(options, paths.temp);
  return paths;
}

/** Throws `object-not-found` when there is no such directory. */
export async function findStoreDirectory({ fileSystem, directory }: FileStoreOptions): Promise<StorePaths> {
  try {
    await (await fileSystem.openDirectory(directory)).close();
  } catch (error) {
    if (fileErrorCode(error) !== 'ENOENT' && fileErrorCode(error) !== 'ENOTDIR') throw error;
    throw new EngineError('object-not-found', `there is no store in ${directory}`, {
      cause: error,
      context: { directory },
      hint: 'give the right --store URL',
    });
  }
  return pathsIn(directory).paths;
}

function pathsIn(directory: string): { hidden: string; paths: StorePaths } {
  const hidden = `${directory}/${hiddenName}`;
  return { hidden, paths: { temp: `${hidden}/temp`, lock: `${hidden}/lock` } };
}

/** The directory and those above it, as far as they were missing; the entry of the directory itself is flushed in any case. */
async function makeDurable(fileSystem: FileSystem, directory: string): Promise<void> {
  const parent = dirname(directory);
  if (parent === directory) return;
  try {
    await makeIfMissing(fileSystem, directory);
  } catch (error) {
    if (fileErrorCode(error) !== 'ENOENT') throw error;
    await makeDurable(fileSystem, parent);
    await makeIfMissing(fileSystem, directory);
  }
  const opened = await fileSystem.openDirectory(parent).catch((error: unknown) => {
    // A parent that may be passed through but not read was not made by us.
    if (fileErrorCode(error) === 'EACCES') return undefined;
    throw error;
  });
  if (opened === undefined) return;
  await opened.flush().finally(() => opened.close());
}

async function makeIfMissing(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.makeDirectory(path);
  } catch (error) {
    if (fileErrorCode(error) !== 'EEXIST') throw error;
  }
}

async function removeOrphans(options: FileStoreOptions, temp: string): Promise<void> {
  const { fileSystem, clock, logger, orphanAgeMs = orphanAgeMsDefault } = options;
  const before = clock.nowMs() - orphanAgeMs;
  for (const name of await fileSystem.names(temp)) {
    const path = `${temp}/${name}`;
    try {
      const file = await fileSystem.open(path);
      const { modifiedMs, sizeBytes } = await file.facts().finally(() => file.close());
      if (modifiedMs >= before) continue;
      await fileSystem.unlink(path);
      logger.info({ path, sizeBytes }, 'removed a temp file that a crash had left');
    } catch (error) {
      // Another process opening the store removed it first.
      if (fileErrorCode(error) !== 'ENOENT') throw error;
    }
  }
}

// Global set-up of the interop suites: gives the object store's conformance suite a real S3 server to run against,
// unless the caller named one or none is installed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasVersitygw, VersitygwProcess } from './versitygw-process.ts';

export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['CLOUDTOPICS_TEST_S3_URL'] !== undefined || !hasVersitygw()) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'interop-s3-'));
  const server = await VersitygwProcess.start(directory);
  process.env['CLOUDTOPICS_TEST_S3_URL'] = await server.makeBucket('conformance');
  // Over a directory it cannot hold both `a` and `a/b`, and looks before it writes instead of doing both at once.
  process.env['CLOUDTOPICS_TEST_S3_LIMITS'] = 'any-key,atomic-conditions';
  Object.assign(process.env, server.credentials);
  return async () => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
}

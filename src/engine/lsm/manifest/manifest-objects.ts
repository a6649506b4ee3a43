// Manifests as objects in the bucket: written once, named by their writer, found by name or as the newest.
//
// - what is read is what was asked for, or an error that names the object: size, checksums, and the name and prefix inside are
//   compared with the key, so that a damaged, renamed or copied manifest is noticed
// - a manifest that is missing, or the newest one torn, is an error, never an empty or an older state. An older state has to be
//   asked for by its number
// - a write whose outcome got lost is settled by reading back

import { crc32c } from '../../base/checksum.ts';
import { EngineError, hasCode } from '../../base/errors.ts';
import type { Incarnation } from '../../base/ids.ts';
import type { CallOptions, ObjectInfo, ObjectStore } from '../../store/object-store.ts';
import { compareNames, type ManifestName, manifestKey, nameText, parseName } from '../core/table-name.ts';
import type { Manifest, ManifestRef } from './manifest.ts';
import { decodeManifest, encodeManifest } from './manifest-format.ts';

/**
 * Resolves when the manifest is durable in the bucket. Throws `precondition-failed` when another one has its name; after
 * `store-timeout` or `store-unavailable` it may be there: the same manifest may be written again.
 */
export async function writeManifest(
  store: ObjectStore,
  manifest: Manifest,
  options: CallOptions = {},
): Promise<ManifestRef> {
  const key = manifestKey(manifest.prefix, manifest.name);
  const bytes = encodeManifest(manifest);
  try {
    await store.put(key, [bytes], { ...options, createOnly: true });
  } catch (error) {
    // An earlier try of ours may have come through without an answer: the object says whether it did.
    if (!hasCode(error, 'precondition-failed')) throw error;
    const found = await store.get(key, options);
    if (!found.bytes.equals(bytes)) {
      throw new EngineError(
        'precondition-failed',
        `manifest ${key} exists already with other content: ${found.bytes.length} bytes, not our ${bytes.length}`,
        { cause: error, context: { key } },
      );
    }
  }
  return refOf(manifest.name, bytes);
}

const refOf = (name: ManifestName, bytes: Buffer): ManifestRef => ({
  name,
  sizeBytes: bytes.length,
  crc: crc32c(bytes),
});

/** A manifest and how a log would name it. */
export interface ReadManifest {
  readonly manifest: Manifest;
  readonly ref: ManifestRef;
}

/** With a whole ref, as a log keeps it, size and checksum of the object must match it too. */
export async function readManifest(
  store: ObjectStore,
  prefix: string,
  wanted: ManifestRef | ManifestName,
  options: CallOptions = {},
): Promise<ReadManifest> {
  const expected = 'name' in wanted ? wanted : undefined;
  const name = 'name' in wanted ? wanted.name : wanted;
  const key = manifestKey(prefix, name);
  const bytes = await getWhole(store, prefix, key, options);
  const ref = refOf(name, bytes);
  if (expected !== undefined) checkAgainstRef(key, expected, ref);
  const manifest = decodeManifest(bytes, key);
  if (manifest.prefix !== prefix || compareNames(manifest.name, name) !== 0) {
    throw new EngineError(
      'corrupt-object',
      `manifest ${key} says inside that it is ${manifestKey(manifest.prefix, manifest.name)}: it was copied or renamed`,
      { context: { key, inside: manifestKey(manifest.prefix, manifest.name) } },
    );
  }
  return { manifest, ref };
}

async function getWhole(store: ObjectStore, prefix: string, key: string, options: CallOptions): Promise<Buffer> {
  try {
    const { bytes, info } = await store.get(key, options);
    if (bytes.length === info.sizeBytes) return bytes;
    throw new EngineError('store-unavailable', `manifest ${key}: ${bytes.length} of ${info.sizeBytes} bytes came`, {
      context: { key, expected: info.sizeBytes, got: bytes.length },
    });
  } catch (error) {
    if (!hasCode(error, 'object-not-found')) throw error;
    throw new EngineError(
      'object-not-found',
      `manifest ${key} is missing: without it the state of ${prefix} cannot be opened`,
      {
        cause: error,
        context: { key },
      },
    );
  }
}

function checkAgainstRef(key: string, expected: ManifestRef, found: ManifestRef): void {
  if (expected.sizeBytes === found.sizeBytes && expected.crc === found.crc) return;
  const says = ({ sizeBytes, crc }: ManifestRef) =>
    `${sizeBytes} bytes with CRC32C ${crc.toString(16).padStart(8, '0')}`;
  throw new EngineError(
    'corrupt-object',
    `manifest ${key} is not the one that was recorded: it has ${says(found)}, recorded are ${says(expected)}`,
    { context: { key, expected: says(expected), actual: says(found) } },
  );
}

export interface ManifestObject {
  readonly name: ManifestName;
  readonly info: ObjectInfo;
}

export interface ManifestListing {
  /** Oldest first: by incarnation, term, number. */
  readonly manifests: readonly ManifestObject[];
  /** Keys below the prefix that are no manifest's. */
  readonly foreign: readonly string[];
}

export async function listManifests(
  store: ObjectStore,
  prefix: string,
  options: CallOptions = {},
): Promise<ManifestListing> {
  const below = `${prefix}manifest/`;
  const manifests: ManifestObject[] = [];
  const foreign: string[] = [];
  for await (const info of store.list({ ...options, prefix: below })) {
    const name = parseName(info.key.slice(below.length));
    if (name === undefined) foreign.push(info.key);
    else manifests.push({ name, info });
  }
  return { manifests, foreign };
}

export interface NewestOptions extends CallOptions {
  /** Manifests of later incarnations are not looked at: the one in OWNER. */
  readonly atMost?: Incarnation;
  /** The manifest of this number; of several writers' the newest. It must be there. */
  readonly number?: number;
}

/** Undefined only where no manifest that counts is there: the store has never been flushed, or is not here. */
export async function newestManifest(
  store: ObjectStore,
  prefix: string,
  { atMost, number, ...options }: NewestOptions = {},
): Promise<ReadManifest | undefined> {
  const { manifests } = await listManifests(store, prefix, options);
  const fit = manifests.filter(
    ({ name }) =>
      (atMost === undefined || name.incarnation <= atMost) && (number === undefined || name.number === number),
  );
  const newest = fit.at(-1);
  if (newest !== undefined) return await readManifest(store, prefix, newest.name, options);
  if (number === undefined) return undefined;
  const last = manifests.at(-1);
  const there =
    last === undefined ? 'there is none' : `${manifests.length} are there, the newest is ${nameText(last.name)}`;
  throw new EngineError('object-not-found', `no manifest number ${number} below ${prefix}manifest/: ${there}`, {
    context: { prefix, number },
  });
}

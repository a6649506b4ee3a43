// The two small objects that say which cluster is where and whose it is: `clusters/<name>` and `<cluster-id>/OWNER`.
// Format page: docs/formats/owner.md.
//
// Both are text that a person can read with `cat`: a first line with magic, version and the CRC32C of everything behind it,
// then one JSON object. Members are written in a fixed order; unknown ones are refused, because a version fixes the members.

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { type Incarnation, incarnation } from '../base/ids.ts';

export const ownerFormatVersion = 1;

/** One start of a broker: the counter only grows, the nonce tells two starts with the same counter apart. */
export interface OwnerStart {
  readonly counter: number;
  readonly nonce: string;
}

export interface Owner {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly incarnation: Incarnation;
  /** ReplicatedLog.identity of the log that the cluster lives in. */
  readonly logIdentity: string;
  readonly leaseMs: number;
  readonly start: OwnerStart;
  /** RFC 3339, for people. */
  readonly startedAt: string;
}

export interface ClusterName {
  readonly name: string;
  readonly clusterId: string;
}

const ownerMagic = 'cloudtopics-owner';
const nameMagic = 'cloudtopics-cluster';
const bytesMax = 64 * 1024;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function encodeOwner(owner: Owner): Buffer {
  return encode(ownerMagic, {
    clusterId: owner.clusterId,
    clusterName: owner.clusterName,
    incarnation: owner.incarnation,
    logIdentity: owner.logIdentity,
    leaseMs: owner.leaseMs,
    startCounter: owner.start.counter,
    startNonce: owner.start.nonce,
    startedAt: owner.startedAt,
  });
}

export function decodeOwner(bytes: Buffer, key: string): Owner {
  const members = new Members(decode(ownerMagic, bytes, key), key);
  const owner: Owner = {
    clusterId: members.uuid('clusterId'),
    clusterName: members.text('clusterName'),
    incarnation: incarnation(members.count('incarnation')),
    logIdentity: members.uuid('logIdentity'),
    leaseMs: members.count('leaseMs'),
    start: { counter: members.count('startCounter'), nonce: members.uuid('startNonce') },
    startedAt: members.text('startedAt'),
  };
  members.end();
  return owner;
}

export function encodeClusterName(cluster: ClusterName): Buffer {
  return encode(nameMagic, { name: cluster.name, clusterId: cluster.clusterId });
}

export function decodeClusterName(bytes: Buffer, key: string): ClusterName {
  const members = new Members(decode(nameMagic, bytes, key), key);
  const cluster = { name: members.text('name'), clusterId: members.uuid('clusterId') };
  members.end();
  return cluster;
}

function encode(magic: string, members: Readonly<Record<string, string | number>>): Buffer {
  const body = Buffer.from(`${JSON.stringify(members, undefined, 2)}\n`);
  const checksum = crc32c(body).toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(`${magic} ${ownerFormatVersion} crc32c=${checksum}\n`), body]);
}

function decode(magic: string, bytes: Buffer, key: string): Record<string, unknown> {
  const lineEnd = bytes.indexOf(0x0a);
  if (bytes.length > bytesMax || lineEnd < 0 || lineEnd > 100) throw corrupt(key, 'it has no first line of its kind');
  const [, found, version, checksum] =
    /^(\S+) (\d{1,9}) crc32c=([0-9a-f]{8})$/.exec(bytes.toString('latin1', 0, lineEnd)) ?? [];
  if (found !== magic) throw corrupt(key, `its first line does not begin with "${magic}"`);
  if (Number(version) !== ownerFormatVersion) {
    throw new EngineError('unsupported-format', `${key} has format version ${version}`, {
      context: { key, version, known: ownerFormatVersion },
    });
  }
  const body = bytes.subarray(lineEnd + 1);
  const actual = crc32c(body).toString(16).padStart(8, '0');
  if (actual !== checksum) {
    throw new EngineError('corrupt-object', `${key} does not match its checksum`, {
      context: { key, expected: checksum, actual },
    });
  }
  let members: unknown;
  try {
    members = JSON.parse(body.toString('utf8'));
  } catch {
    throw corrupt(key, 'it is not JSON');
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) throw corrupt(key, 'it is no object');
  return members as Record<string, unknown>;
}

function corrupt(key: string, problem: string): EngineError {
  return new EngineError('corrupt-object', `${key} cannot be read: ${problem}`, { context: { key } });
}

/** Takes members out one by one, each checked. */
class Members {
  readonly #members: Map<string, unknown>;
  readonly #key: string;

  constructor(members: Record<string, unknown>, key: string) {
    this.#members = new Map(Object.entries(members));
    this.#key = key;
  }

  text(name: string): string {
    const value = this.#take(name);
    if (typeof value !== 'string' || value === '') throw corrupt(this.#key, `"${name}" is not a text`);
    return value;
  }

  uuid(name: string): string {
    const value = this.text(name);
    if (!uuid.test(value)) throw corrupt(this.#key, `"${name}" is not a UUID`);
    return value;
  }

  count(name: string): number {
    const value = this.#take(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw corrupt(this.#key, `"${name}" is not a whole number above zero`);
    }
    return value;
  }

  end(): void {
    const [left] = this.#members.keys();
    if (left !== undefined) throw corrupt(this.#key, `"${left}" is not known`);
  }

  #take(name: string): unknown {
    const value = this.#members.get(name);
    this.#members.delete(name);
    return value;
  }
}

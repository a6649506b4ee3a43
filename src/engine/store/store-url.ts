// The forms of a store URL, as text in and settings out. What it does not know it refuses by name; nothing is guessed, and
// secrets have no place in it: a URL with user and password is refused without being shown.
//
//   file:///absolute/dir
//   memory:
//   s3://bucket/prefix?endpoint=…&region=…&pathStyle=true&caFile=…&proxy=…&sse=…&sseKmsKeyId=…&storageClass=…
//                     &payloadSigning=true&profile=…

import { fileURLToPath } from 'node:url';
import { EngineError } from '../base/errors.ts';
import { checkKey } from './object-key.ts';

export type StoreUrl = FileStoreUrl | MemoryStoreUrl | S3StoreUrl;

export interface FileStoreUrl {
  readonly scheme: 'file';
  readonly directory: string;
}

export interface MemoryStoreUrl {
  readonly scheme: 'memory';
}

export interface S3StoreUrl {
  readonly scheme: 's3';
  readonly bucket: string;
  /** Without slashes at its ends; '' for the whole bucket. */
  readonly prefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
  /** PEM file with the authorities to trust, in place of the system's. */
  readonly caFile?: string;
  readonly proxy?: string;
  readonly sse?: string;
  readonly sseKmsKeyId?: string;
  readonly storageClass?: string;
  /** Signs the bodies too, for servers that refuse unsigned ones. Costs a SHA-256 of everything written. */
  readonly payloadSigning: boolean;
  readonly profile?: string;
}

const s3Options = [
  ...['endpoint', 'region', 'pathStyle', 'caFile', 'proxy', 'sse', 'sseKmsKeyId', 'storageClass', 'payloadSigning'],
  'profile',
];
const sseModes = ['AES256', 'aws:kms', 'aws:kms:dsse'];

export function parseStoreUrl(text: string): StoreUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is not repeated: what cannot be parsed may hold a password anywhere.
    throw refused('is not a URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('holds a user or password; credentials come from the environment or a profile');
  }
  if (url.hash !== '') throw refused('holds a "#"; write it as %23');
  switch (url.protocol) {
    case 'file:':
      return parseFileUrl(url);
    case 'memory:':
      allowOptions(url, []);
      if (url.pathname !== '' || url.host !== '') throw refused('has more behind "memory:"');
      return { scheme: 'memory' };
    case 's3:':
      return parseS3Url(url);
    default:
      throw refused(`has the unknown scheme "${url.protocol}"`);
  }
}

function parseFileUrl(url: URL): FileStoreUrl {
  allowOptions(url, []);
  if (url.host !== '') throw refused(`names the host "${url.host}"; a directory is written with three slashes`);
  let directory: string;
  try {
    directory = fileURLToPath(url);
  } catch (error) {
    throw refused(`is no path: ${error instanceof Error ? error.message : String(error)}`);
  }
  directory = directory.replace(/\/+$/, '');
  if (directory === '') throw refused('names the root directory');
  return { scheme: 'file', directory };
}

function parseS3Url(url: URL): S3StoreUrl {
  allowOptions(url, s3Options);
  if (url.port !== '') throw refused('has a port behind the bucket; a server is named with ?endpoint=');
  const bucket = url.host;
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)) throw refused(`has no valid bucket name: "${bucket}"`);
  const prefix = decodePath(url).replace(/^\/|\/$/g, '');
  if (prefix !== '') {
    try {
      checkKey(prefix);
    } catch (error) {
      throw refused(`has a prefix that no key can have: ${error instanceof Error ? error.message : ''}`);
    }
  }
  const option = (name: string) => textOption(url, name);
  const settings = {
    endpoint: webAddress('endpoint', option('endpoint'), ['http:', 'https:']),
    region: option('region'),
    caFile: option('caFile'),
    proxy: webAddress('proxy', option('proxy'), ['http:', 'https:']),
    sse: oneOf('sse', option('sse'), sseModes),
    sseKmsKeyId: option('sseKmsKeyId'),
    storageClass: storageClass(option('storageClass')),
    profile: option('profile'),
  };
  if (settings.sseKmsKeyId !== undefined && !settings.sse?.startsWith('aws:kms')) {
    throw refused('has sseKmsKeyId without sse=aws:kms or sse=aws:kms:dsse');
  }
  return {
    scheme: 's3',
    bucket,
    prefix,
    pathStyle: flag(url, 'pathStyle'),
    payloadSigning: flag(url, 'payloadSigning'),
    ...withoutUndefined(settings),
  };
}

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

function withoutUndefined<T extends Record<string, string | undefined>>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function decodePath(url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    throw refused('has a prefix with a broken % escape');
  }
}

function allowOptions(url: URL, known: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) {
      const what = known.length === 0 ? 'this scheme has none' : `known are ${known.join(', ')}`;
      throw refused(`has the unknown option "${name}"; ${what}`);
    }
    if (seen.has(name)) throw refused(`has the option "${name}" twice`);
    seen.add(name);
  }
}

function textOption(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name);
  if (value === '') throw refused(`has no value for the option "${name}"`);
  return value ?? undefined;
}

function flag(url: URL, name: string): boolean {
  return oneOf(name, textOption(url, name), ['true', 'false']) === 'true';
}

function oneOf(name: string, value: string | undefined, allowed: readonly string[]): string | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw refused(`has an unknown value for the option "${name}"; allowed are ${allowed.join(', ')}`);
}

function storageClass(value: string | undefined): string | undefined {
  if (value === undefined || /^[A-Z][A-Z0-9_]*$/.test(value)) return value;
  throw refused('has a storageClass that is not written like STANDARD_IA');
}

function webAddress(name: string, value: string | undefined, protocols: readonly string[]): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url === null || !protocols.includes(url.protocol)) {
    throw refused(`has the option "${name}" that is no http:// or https:// address`);
  }
  if (url.username !== '' || url.password !== '') throw refused(`has a user or password in the option "${name}"`);
  if (url.search !== '' || url.hash !== '') throw refused(`has more than an address in the option "${name}"`);
  return value.replace(/\/+$/, '');
}

function refused(problem: string): EngineError {
  return new EngineError('store-url', `the store URL ${problem}`);
}

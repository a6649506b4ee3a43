// What `serve` makes of its flags and the settings file before anything is opened. Pure, so it can be tested without a broker.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Address, formatAddress, isLoopback, parseAddress } from './address-format.ts';
import { parseAssignments } from './assignment-format.ts';

export interface ServeFlags {
  readonly 'data-dir': string;
  readonly store: string | undefined;
  readonly cluster: string;
  readonly listen: string;
  readonly advertise: string | undefined;
  readonly admin: string;
  readonly set: readonly string[] | undefined;
}

export interface ServeOptions {
  readonly dataDirectory: string;
  readonly storeUrl: string;
  readonly clusterName: string;
  readonly listen: Address;
  readonly advertise: Address | undefined;
  readonly admin: Address | undefined;
  readonly settings: Record<string, string>;
}

const defaultListen = { host: '127.0.0.1', port: 9092 };
const defaultAdmin = { host: '127.0.0.1', port: 9644 };

/** Settings of the file are the weaker ones; `--set` wins. */
export function serveOptions(
  flags: ServeFlags,
  fileSettings: ReadonlyMap<string, string> | undefined,
  cwd: string,
): ServeOptions {
  const dataDirectory = resolve(cwd, flags['data-dir']);
  const listen = parseAddress(flags.listen, defaultListen);
  return {
    dataDirectory,
    storeUrl: flags.store ?? pathToFileURL(`${resolve(dataDirectory, 'bucket')}/`).href,
    clusterName: flags.cluster,
    listen,
    advertise: flags.advertise === undefined ? undefined : parseAddress(flags.advertise, listen),
    admin: flags.admin === 'none' ? undefined : parseAddress(flags.admin, defaultAdmin),
    settings: { ...Object.fromEntries(fileSettings ?? []), ...parseAssignments(flags.set ?? [], '--set') },
  };
}

/** What an operator should hear before the broker is up. */
export function serveWarnings({ listen, admin, advertise, storeUrl }: ServeOptions): string[] {
  const warnings: string[] = [];
  for (const [what, address] of [
    ['Kafka clients', listen],
    ['admin requests', admin],
  ] as const) {
    if (address !== undefined && !isLoopback(address.host)) {
      warnings.push(`${formatAddress(address)} takes ${what} from other machines, and there is no authentication yet`);
    }
  }
  if (advertise === undefined && (listen.host === '0.0.0.0' || listen.host === '::')) {
    warnings.push(
      `clients are told to connect to ${formatAddress(listen)}, which is no address: give --advertise HOST:PORT`,
    );
  }
  if (storeUrl.startsWith('memory:')) warnings.push('the store is in memory: everything is gone when the broker stops');
  return warnings;
}

// HOST:PORT as it is written in flags and files. IPv6 hosts stand in brackets: [::1]:9092.

import { EngineError } from '../engine/base/errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads HOST:PORT, HOST, or :PORT; what is missing comes from `fallback`. */
export function parseAddress(text: string, fallback: Address): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@]*))(?::(\d{1,5}))?$/.exec(text.trim());
  const port = match?.[3] === undefined ? fallback.port : Number(match[3]);
  if (match === null || port > 65_535 || text.trim() === '') {
    throw new EngineError('usage', `"${text}" is not an address`, {
      hint: 'write it like 127.0.0.1:9092 or [::1]:9092',
    });
  }
  return { host: match[1] ?? (match[2] || fallback.host), port };
}

/** A comma-separated list, as clients give bootstrap servers. */
export function parseAddresses(text: string, fallback: Address): Address[] {
  return text.split(',').map((part) => parseAddress(part, fallback));
}

const defaultAdmin: Address = { host: '127.0.0.1', port: 9644 };

/** The URL of an admin server; HOST:PORT, as `serve --admin` has it, means http. */
export function parseAdminUrl(text: string): URL {
  if (!text.includes('://')) {
    if (text !== 'none') return new URL(`http://${formatAddress(parseAddress(text, defaultAdmin))}`);
    throw new EngineError('usage', 'no admin address is given', { hint: 'give --admin URL, or --store URL' });
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (isPlain && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  // The text is not repeated: it may hold a password.
  throw new EngineError('usage', 'not the URL of an admin server', { hint: 'write it like http://127.0.0.1:9644' });
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether nobody outside this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host) || /^::ffff:127\./i.test(host);
}

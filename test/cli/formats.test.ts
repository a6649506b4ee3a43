import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from '../../src/cli/address-format.ts';
import { parseAssignments } from '../../src/cli/assignment-format.ts';
import { wantsColor } from '../../src/cli/colors.ts';
import {
  counted,
  formatSize,
  formatSpan,
  parseDuration,
  parseInstant,
  parseSize,
} from '../../src/cli/duration-format.ts';
import { unescapeText } from '../../src/cli/escape-format.ts';
import { serveOptions, serveWarnings } from '../../src/cli/serve-options.ts';
import { parseSettingsFile } from '../../src/cli/settings-file-format.ts';
import { overlayEnvironment } from '../../src/cli/settings-overlay.ts';
import { editDistance, suggestions } from '../../src/cli/suggestions.ts';

const usage = expect.objectContaining({ code: 'usage' });

describe('what people read', () => {
  it.each([
    [0, '0 ms'],
    [249.6, '250 ms'],
    [1000, '1 s'],
    [4249, '4.2 s'],
    [9999, '10 s'],
    [12_900, '12 s'],
    [300_000, '5 min'],
  ])('a span of %d ms is "%s"', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });
  it('counts things by their names', () => {
    expect([counted(1, 'batch', 'batches'), counted(2000, 'batch', 'batches'), counted(0, 'job')]).toEqual([
      '1 batch',
      '2,000 batches',
      '0 jobs',
    ]);
  });
});

describe('what people write', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['3', 3_000],
  ])('duration %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
  it.each(['', '-1s', '5 weeks', 'soon'])('no duration: "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow(usage);
  });
  it.each([
    ['65536', 65_536],
    ['512KiB', 524_288],
    ['1.5 GiB', 1_610_612_736],
    ['10MB', 10_000_000],
  ])('size %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
  it.each(['x', '5 apples', '-1'])('no size: "%s"', (text) => {
    expect(() => parseSize(text)).toThrow(usage);
  });
  it('shows sizes in powers of 1024', () => {
    expect([formatSize(1), formatSize(1536), formatSize(5 * 1024 ** 3)]).toEqual(['1 B', '1.50 KiB', '5.00 GiB']);
  });
  it.each([
    ['2026-11-21T10:00:00Z', Date.UTC(2026, 10, 21, 10)],
    ['1700000000000', 1_700_000_000_000],
    ['15m ago', 100_000],
    ['now', 1_000_000],
  ])('instant %s', (text, ms) => {
    expect(parseInstant(text, 1_000_000)).toBe(ms);
  });
  it.each([
    ['host', { host: 'host', port: 9092 }],
    ['host:1', { host: 'host', port: 1 }],
    [':1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:1', { host: '::1', port: 1 }],
  ])('address %s', (text, address) => {
    expect(parseAddress(text, { host: '127.0.0.1', port: 9092 })).toEqual(address);
  });
  it.each(['', 'a:b', 'host:99999', 'http://host', 'user@host'])('no address: "%s"', (text) => {
    expect(() => parseAddress(text, { host: 'h', port: 1 })).toThrow(usage);
  });
  it('puts IPv6 into brackets and knows what is loopback', () => {
    expect(formatAddress({ host: '::1', port: 1 })).toBe('[::1]:1');
    expect(['localhost', '127.1.2.3', '::1', '0.0.0.0', '10.0.0.1'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
  it('reads NAME=VALUE, the value may hold "="; twice is a slip', () => {
    expect(parseAssignments(['a=b=c', 'd='], '--set')).toEqual({ a: 'b=c', d: '' });
    expect(() => parseAssignments(['a=1', 'a=2'], '--set')).toThrow(usage);
    expect(() => parseAssignments(['=1'], '--set')).toThrow(usage);
  });
  it('understands escapes and refuses unknown ones', () => {
    expect(unescapeText('a\\t\\x00\\xff\\\\é').equals(Buffer.from([0x61, 9, 0, 0xff, 0x5c, 0xc3, 0xa9]))).toBe(true);
    expect(() => unescapeText('\\q')).toThrow(usage);
  });
  it('guesses near names only', () => {
    expect(editDistance('lsit', 'list')).toBe(1);
    expect(suggestions('topics lsit', ['topics list', 'topics alter', 'serve'])).toEqual(['topics list']);
    expect(suggestions('zzzzzz', ['topics list', 'serve'])).toEqual([]);
  });
});

describe('colours', () => {
  const terminal = { isTTY: true };
  it.each([
    ['auto', terminal, {}, true],
    ['auto', {}, {}, false],
    ['auto', terminal, { NO_COLOR: '1' }, false],
    ['auto', terminal, { NO_COLOR: '' }, true],
    ['auto', terminal, { TERM: 'dumb' }, false],
    ['always', {}, { NO_COLOR: '1' }, true],
    ['never', terminal, {}, false],
  ] as const)('%s on %j with %j: %s', (choice, stream, env, wanted) => {
    expect(wantsColor(choice, stream, env)).toBe(wanted);
  });
});

describe('the settings file', () => {
  const flags = new Set(['bootstrap', 'data-dir', 'config']);
  const parse = (text: string) => parseSettingsFile(text, 'file', flags);
  it('has flags, and broker settings whose names have dots', () => {
    const parsed = parse('# comment\n\nbootstrap = h:1\r\nnum.partitions=12\n');
    expect([...parsed.flags]).toEqual([['bootstrap', 'h:1']]);
    expect([...parsed.brokerSettings]).toEqual([['num.partitions', '12']]);
  });
  it.each([
    ['bootstrp = x', 'line 1'],
    ['bootstrap = x\nbootstrap = y', 'line 2'],
    ['no equals', 'line 1'],
    ['config = other', 'line 1'],
  ])('refuses %j and says where', (text, where) => {
    expect(() => parse(text)).toThrow(where);
  });
  it('lies under the environment and is taken away again', () => {
    const environment: NodeJS.ProcessEnv = { CLOUDTOPICS_STORE: 'from-env' };
    const settings = new Map([
      ['store', 'from-file'],
      ['cluster', 'from-file'],
      ['other', 'x'],
    ]);
    const overlay = overlayEnvironment(environment, settings, {
      store: { env: 'CLOUDTOPICS_STORE' },
      cluster: { env: 'CLOUDTOPICS_CLUSTER' },
    });
    expect(environment).toEqual({ CLOUDTOPICS_STORE: 'from-env', CLOUDTOPICS_CLUSTER: 'from-file' });
    overlay[Symbol.dispose]();
    expect(environment).toEqual({ CLOUDTOPICS_STORE: 'from-env' });
  });
});

describe('what serve makes of its flags', () => {
  const defaults = {
    'data-dir': 'cloudtopics-data',
    store: undefined,
    cluster: 'default',
    listen: '127.0.0.1:9092',
    advertise: undefined,
    admin: '127.0.0.1:9644',
    set: undefined,
  };
  it('needs none of them', () => {
    expect(serveOptions(defaults, undefined, '/srv')).toEqual({
      dataDirectory: '/srv/cloudtopics-data',
      storeUrl: 'file:///srv/cloudtopics-data/bucket/',
      clusterName: 'default',
      listen: { host: '127.0.0.1', port: 9092 },
      advertise: undefined,
      admin: { host: '127.0.0.1', port: 9644 },
      settings: {},
    });
  });
  it('lets --set win over the file', () => {
    const file = new Map([
      ['num.partitions', '3'],
      ['log.retention.ms', '1'],
    ]);
    const { settings } = serveOptions({ ...defaults, set: ['num.partitions=5'] }, file, '/');
    expect(settings).toEqual({ 'num.partitions': '5', 'log.retention.ms': '1' });
  });
  it('warns of what is open to others, cannot be reached, or will be gone', () => {
    expect(serveWarnings(serveOptions(defaults, undefined, '/'))).toEqual([]);
    const open = serveWarnings(
      serveOptions({ ...defaults, listen: '0.0.0.0:9092', admin: 'none', store: 'memory:' }, undefined, '/'),
    );
    expect(open.join('\n')).toMatch(/no authentication yet[\s\S]*--advertise[\s\S]*in memory/);
  });
});

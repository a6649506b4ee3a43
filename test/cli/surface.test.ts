// The surface that scripts depend on: commands, flags, environment twins, schemas, exit statuses. A change here is a change
// for users; update the snapshot only together with docs/operating/commands.md.

import { readdirSync, readFileSync } from 'node:fs';
import type { Config } from '@oclif/core/config';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CommandFacts } from '../../src/cli/command-facts.ts';
import { exitStatus, exitStatuses } from '../../src/cli/exit-statuses.ts';
import { loadConfig } from '../../src/cli/main.ts';
import { manPages } from '../../src/cli/man-page.ts';
import { unknownCommand } from '../../src/cli/unknown-command.ts';
import { errorTable } from '../../src/engine/base/error-table.ts';
import { root, runCommand } from '../commands/run-command.ts';

interface ShownFlag {
  readonly name: string;
  readonly char?: string;
  readonly type: string;
  readonly multiple?: boolean;
  readonly options?: readonly string[];
  readonly default?: unknown;
  readonly env?: string;
}

let config: Config;
beforeAll(async () => {
  config = await loadConfig(root, false);
});

const factsOf = (command: unknown): CommandFacts => (command as { facts: CommandFacts }).facts;

describe('the surface', () => {
  it('is what it was', () => {
    const surface = Object.fromEntries(
      config.commands.map((command) => [
        command.id.replaceAll(':', ' '),
        {
          args: Object.values(command.args).map(
            ({ name, required, multiple }) => `${name}${required ? '' : '?'}${multiple ? '...' : ''}`,
          ),
          flags: (Object.values(command.flags) as ShownFlag[]).map(describeFlag).sort(),
          facts: factsOf(command),
        },
      ]),
    );
    expect(surface).toMatchSnapshot();
  });

  it('says of every command what it touches and how it ends, with statuses that are in the table', () => {
    expect(config.commands.length).toBeGreaterThan(9);
    for (const command of config.commands) {
      const facts = factsOf(command);
      expect(facts.exitStatuses, command.id).toContain(2);
      for (const status of facts.exitStatuses) expect(exitStatus(status).meaning).not.toBe('');
      for (const schema of facts.schemas) expect(schema).toMatch(/^cloudtopics\/[a-z][a-z0-9-]+\/v\d+$/);
      expect(command.summary, command.id).toMatch(/\.$/);
    }
  });

  it('never reads standard input for a missing argument', () => {
    const classes = config.commands.map((command) => command.load());
    return Promise.all(
      classes.map(async (loading) => {
        const { args, id } = await loading;
        for (const arg of Object.values(args)) expect((arg as { ignoreStdin?: boolean }).ignoreStdin, id).toBe(true);
      }),
    );
  });

  it('has manual pages that are current (npm run man)', () => {
    const folder = new URL('man/', root);
    const pages = manPages(config);
    expect(readdirSync(folder).sort()).toEqual(pages.map(({ file }) => file).sort());
    for (const { file, text } of pages) expect(readFileSync(new URL(file, folder), 'utf8'), file).toBe(text);
  });

  it('documents every command, schema, variable, exit status and error code', () => {
    const docs = ['commands', 'exit-codes', 'configuration']
      .map((name) => readFileSync(new URL(`docs/operating/${name}.md`, root), 'utf8'))
      .join('\n');
    for (const code of Object.keys(errorTable)) expect(docs).toContain(`| \`${code}\` |`);
    for (const { status, meaning } of exitStatuses) {
      expect(
        docs.split('\n').some((line) => line.startsWith(`| ${status} |`) && line.includes(meaning)),
        meaning,
      ).toBe(true);
    }
    for (const command of config.commands) {
      expect(docs).toContain(`cloudtopics ${command.id.replaceAll(':', ' ')}`);
      for (const schema of factsOf(command).schemas) expect(docs).toContain(schema);
      for (const flag of Object.values(command.flags) as ShownFlag[]) if (flag.env) expect(docs).toContain(flag.env);
    }
  });
});

function describeFlag(flag: ShownFlag): string {
  const value = flag.type === 'boolean' ? '' : `=${flag.options?.join('|') ?? '…'}${flag.multiple ? '...' : ''}`;
  const more = [flag.char && `-${flag.char}`, flag.default !== undefined && `default ${flag.default}`, flag.env].filter(
    Boolean,
  );
  return `--${flag.name}${value}${more.length > 0 ? ` (${more.join(', ')})` : ''}`;
}

describe('a command that does not exist', () => {
  it.each([
    [['topics', 'lsit'], 'cloudtopics topics list'],
    [['topcs', 'list'], 'cloudtopics topics list'],
    [['srve'], 'cloudtopics serve'],
    [['zzz'], 'cloudtopics --help'],
    [['topics', 'qqqqqq'], 'cloudtopics topics --help'],
  ])('%j is answered with %s, which is not run', (argv, hint) => {
    expect(unknownCommand(argv, config)).toMatchObject({ code: 'usage', hint });
  });
  it.each([[[]], [['--help']], [['--version']], [['topics']], [['topics', '--help']], [['topics', 'list', 'x']]])(
    '%j is left to the parser',
    (argv) => {
      expect(unknownCommand(argv, config)).toBeUndefined();
    },
  );
});

describe('the command line', { timeout: 120_000 }, () => {
  it('explains codes and lists them', async () => {
    const one = JSON.parse((await runCommand(['explain', 'disk-full', '--json'])).stdout);
    expect(one).toEqual({
      schema: 'cloudtopics/error-code/v1',
      code: 'disk-full',
      kind: 'limit',
      exitStatus: 12,
      kafkaCode: 56,
      retryable: true,
      meaning: expect.any(String),
      try: expect.any(String),
    });
    const all = JSON.parse((await runCommand(['explain'], { env: { CLOUDTOPICS_JSON: '1' } })).stdout);
    expect(all.codes.length).toBeGreaterThan(50);
    expect(await runCommand(['explain', 'disk-ful'])).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringContaining('explain disk-full'),
    });
  });

  it('answers usage errors with 2, one schema, and neither argv nor paths', async () => {
    const flag = await runCommand(['topics', 'list', '--bogus', '--json']);
    expect(flag).toMatchObject({ status: 2, stdout: '' });
    expect(JSON.parse(flag.stderr)).toMatchObject({
      schema: 'cloudtopics/error/v1',
      error: { code: 'usage', message: 'no such flag: --bogus' },
    });
    expect(flag.stderr.length).toBeLessThan(600);
    expect((await runCommand(['topics', 'create'])).status).toBe(2);
    expect((await runCommand(['topics', 'create', 't', '-p', 'many'])).status).toBe(2);
    expect((await runCommand(['topics', 'list', '--color', 'blue'])).status).toBe(2);
    expect((await runCommand(['topics', 'list', '--timeout', 'soon'])).status).toBe(2);
    expect((await runCommand(['topisc', 'list'])).status).toBe(2);
  });

  it('takes a setting from flag, environment, file, default, in this order', async () => {
    const { mkdtemp, writeFile, rm } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-settings-'));
    const file = join(directory, 'settings');
    await writeFile(file, 'bootstrap = 127.0.0.3:1\n');
    const asked = async (args: string[], env: Record<string, string> = {}) =>
      /at (127\.0\.0\.\d:\d+)/.exec((await runCommand(['topics', 'list', ...args], { env })).stderr)?.[1];
    const env = { CLOUDTOPICS_BOOTSTRAP: '127.0.0.2:1' };
    expect(await asked(['--bootstrap', '127.0.0.1:1', '--config', file], env)).toBe('127.0.0.1:1');
    expect(await asked(['--config', file], env)).toBe('127.0.0.2:1');
    expect(await asked([`--config=${file}`])).toBe('127.0.0.3:1');
    expect(await asked([], { CLOUDTOPICS_CONFIG: file })).toBe('127.0.0.3:1');
    await writeFile(file, 'botstrap = x\n');
    expect(await runCommand(['topics', 'list', '--config', file])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('line 1'),
    });
    expect((await runCommand(['topics', 'list', '--config', join(directory, 'missing')])).status).toBe(2);
    await rm(directory, { recursive: true });
  });

  it('shows help with effects and exit statuses', async () => {
    const { stdout, status } = await runCommand(['topics', 'delete', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('EFFECT');
    expect(stdout).toContain('EXIT STATUSES');
    expect(stdout).toContain('cloudtopics/topics-delete/v1');
  });
});

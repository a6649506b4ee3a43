// The entry of the command: loads the commands (from dist/ or from the sources), runs one, shows its error, and ends with
// the exit status of the error table. Nothing else in the program prints errors or decides an exit status.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Interfaces } from '@oclif/core';
import { Config } from '@oclif/core/config';
import { run } from '@oclif/core/run';
import { settings } from '@oclif/core/settings';
import type { EngineError } from '../engine/base/errors.ts';
import { ExitWith } from './base-command.ts';
import { loadColors, noColors, wantsColor } from './colors.ts';
import { errorJson, renderError, toShownError } from './error-rendering.ts';
import { exitStatusOf } from './exit-statuses.ts';
import { unknownCommand } from './unknown-command.ts';

export async function main(root: URL, built: boolean): Promise<void> {
  const status = await runCommandLine(process.argv.slice(2), root, built);
  await flushed(process.stdout);
  process.exit(status);
}

/** Runs one command line; returns its exit status. Errors are shown on stderr. */
export async function runCommandLine(argv: readonly string[], root: URL, built: boolean): Promise<number> {
  try {
    const config = await loadConfig(root, built);
    const strange = unknownCommand(argv, config);
    if (strange !== undefined) throw strange;
    const result: unknown = await run([...argv], config);
    return result instanceof ExitWith ? result.status : 0;
  } catch (error) {
    return showError(error, argv);
  }
}

/** The same commands from dist/ or from src/; sources need no build, no manifest and no transpiler. */
export async function loadConfig(root: URL, built: boolean): Promise<Config> {
  settings.enableAutoTranspile = false;
  const pjson = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as Interfaces.PJSON;
  const oclif = {
    ...pjson.oclif,
    commands: built ? './dist/commands' : './src/commands',
    helpClass: { target: built ? './dist/cli/help.js' : './src/cli/help.ts', identifier: 'Help' },
  };
  return Config.load({ root: fileURLToPath(root), pjson: { ...pjson, oclif }, ignoreManifest: !built });
}

async function showError(error: unknown, argv: readonly string[]): Promise<number> {
  const exit = (error as { code?: unknown; oclif?: { exit?: number } } | undefined) ?? {};
  if (exit.code === 'EEXIT') return exit.oclif?.exit ?? 0;
  const shown = toShownError(error);
  const verbose = asked(argv, ['--verbose', '-v'], 'CLOUDTOPICS_VERBOSE');
  if (asked(argv, ['--json'], 'CLOUDTOPICS_JSON')) {
    process.stderr.write(`${JSON.stringify(errorJson(shown, verbose), undefined, 2)}\n`);
  } else {
    const wanted = wantsColor('auto', process.stderr, process.env) && !argv.includes('--color=never');
    const colors = wanted ? await loadColors(true) : noColors;
    process.stderr.write(renderError(shown, { verbose, colors }));
  }
  return statusOf(shown);
}

function statusOf(error: EngineError): number {
  return error.code === 'cancelled' && error.message.endsWith('SIGTERM') ? 143 : exitStatusOf(error.kind);
}

/** Flags have to be looked for here too: an error can come before they are parsed. */
function asked(argv: readonly string[], names: readonly string[], twin: string): boolean {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  return flags.some((arg) => names.includes(arg)) || /^(1|true|y|yes)$/i.test(process.env[twin] ?? '');
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}

// Manual pages from what the commands say about themselves: the same statics that --help shows. Pure text, no dates, so that
// pages that are current are equal byte by byte.

import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import { type CommandFacts, effectText } from './command-facts.ts';
import { exitStatus, exitStatuses } from './exit-statuses.ts';

export interface ManPage {
  /** "cloudtopics-topics-create.1" */
  readonly file: string;
  readonly text: string;
}

type Loadable = Command.Loadable & { readonly facts?: CommandFacts };
type Flag = Command.Flag.Cached;

export function manPages(config: Config): ManPage[] {
  const commands = (config.commands as Loadable[]).filter((command) => command.hidden !== true);
  return [overview(config, commands), ...commands.map((command) => commandPage(config, command))];
}

function overview(config: Config, commands: readonly Loadable[]): ManPage {
  const lines = [
    ...heading(config.bin, config.pjson.description ?? ''),
    '.SH SYNOPSIS',
    `.B ${config.bin}`,
    '.I command',
    '[\\fIargument\\fR ...] [\\fB\\-\\-flag\\fR ...]',
    '.SH COMMANDS',
    ...commands.flatMap((command) => [
      '.TP',
      `.BR ${dashed(pageName(config, command))} (1)`,
      roff(command.summary ?? ''),
    ]),
    '.SH SETTINGS',
    roff(
      'A flag wins over its environment variable (CLOUDTOPICS_ and the name of the flag in capitals), that over the file ' +
        'given with --config, and that over the default. The file has "name = value" lines: flags without their dashes, and ' +
        'broker settings, whose names have dots.',
    ),
    '.SH EXIT STATUS',
    ...statusLines(exitStatuses.map(({ status }) => status)),
    '.SH SEE ALSO',
    commands.map((command) => `.BR ${dashed(pageName(config, command))} (1)`).join(',\n'),
  ];
  return { file: `${config.bin}.1`, text: page(lines) };
}

function commandPage(config: Config, command: Loadable): ManPage {
  const name = pageName(config, command);
  const flags = Object.values(command.flags as Record<string, Flag>).filter((flag) => flag.hidden !== true);
  const args = Object.values(command.args as Record<string, Command.Arg.Cached>);
  const own = flags.filter((flag) => flag.helpGroup === undefined).sort(byName);
  const global = flags.filter((flag) => flag.helpGroup !== undefined).sort(byName);
  const lines = [
    ...heading(name, command.summary ?? ''),
    '.SH SYNOPSIS',
    `.B ${config.bin} ${command.id.replaceAll(':', ' ')}`,
    [...args.map(argText), flags.length > 0 ? '[\\fB\\-\\-flag\\fR ...]' : ''].filter(Boolean).join(' '),
    '.SH DESCRIPTION',
    roff([command.summary, command.description].filter(Boolean).join(' ')),
    ...section(
      'ARGUMENTS',
      args.flatMap((arg) => ['.TP', `.I ${dashed(arg.name.toUpperCase())}`, roff(arg.description ?? '')]),
    ),
    ...section('OPTIONS', own.flatMap(flagLines)),
    ...section('GLOBAL OPTIONS', global.flatMap(flagLines)),
    ...factsLines(command.facts),
    ...section(
      'EXAMPLES',
      examples(config, command).flatMap((example) => ['.PP', '.nf', roff(example), '.fi']),
    ),
    '.SH SEE ALSO',
    `.BR ${config.bin} (1)`,
  ];
  return { file: `${name}.1`, text: page(lines) };
}

function factsLines(facts: CommandFacts | undefined): string[] {
  if (facts === undefined) return [];
  return [
    '.SH EFFECT',
    roff(`${effectText(facts.effect)} ${facts.besideBroker}`),
    '.SH EXIT STATUS',
    ...statusLines(facts.exitStatuses),
    ...section(
      'JSON OUTPUT',
      facts.schemas.map((schema) => `${roff(schema)}\n.br`),
    ),
  ];
}

const statusLines = (statuses: readonly number[]): string[] =>
  statuses.flatMap((status) => ['.TP', `.B ${status}`, roff(exitStatus(status).meaning)]);

function flagLines(flag: Flag): string[] {
  const names = [
    ...(flag.char === undefined ? [] : [`\\fB\\-${flag.char}\\fR`]),
    `\\fB${dashed(`--${flag.name}`)}\\fR`,
  ];
  const values = flag.type === 'option' ? (flag.options?.join('|') ?? flag.helpValue ?? 'VALUE') : undefined;
  const more: string[] = [];
  if (flag.type === 'option' && flag.default !== undefined) more.push(`Default: ${String(flag.default)}.`);
  if (flag.env !== undefined) more.push(`Environment: ${flag.env}.`);
  return [
    '.TP',
    `${names.join(', ')}${values === undefined ? '' : ` \\fI${roff(String(values))}\\fR`}`,
    roff([flag.description ?? '', ...more].join(' ')),
  ];
}

const argText = (arg: Command.Arg.Cached): string => {
  const name = `\\fI${arg.name.toUpperCase()}\\fR${arg.multiple === true ? ' ...' : ''}`;
  return arg.required === true ? name : `[${name}]`;
};

const examples = (config: Config, command: Loadable): string[] =>
  ((command.examples ?? []) as string[]).map((example) => example.replaceAll('<%= config.bin %>', config.bin));

const heading = (name: string, summary: string): string[] => [
  `.TH ${dashed(name.toUpperCase())} 1 "" "cloudtopics" "cloudtopics manual"`,
  '.SH NAME',
  `${dashed(name)} \\- ${roff(summary.replace(/\.$/, ''))}`,
];

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
const pageName = (config: Config, command: Loadable): string => `${config.bin}-${command.id.replaceAll(':', '-')}`;
const page = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
const byName = (a: Flag, b: Flag): number => (a.name < b.name ? -1 : 1);
const dashed = (text: string): string => text.replaceAll('-', '\\-');

/** Text that means to roff what it says: backslashes, dashes, and no control character at the start of a line. */
function roff(text: string): string {
  return dashed(text.replaceAll('\\', '\\e'))
    .replaceAll('…', '...')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');
}

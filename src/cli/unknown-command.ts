// What is said when no command of that name exists: exit 2 with suggestions. They are printed, never run.

import type { Config } from '@oclif/core/config';
import { EngineError } from '../engine/base/errors.ts';
import { suggestions } from './suggestions.ts';

/** The error for a command line that names no command; undefined where it does, or asks for help or the version. */
export function unknownCommand(argv: readonly string[], config: Config): EngineError | undefined {
  const words: string[] = [];
  for (const arg of argv) {
    if (arg.startsWith('-')) break;
    words.push(arg);
  }
  if (words.length === 0) return strayFlag(argv);
  const ids = config.commands.map((command) => command.id.replaceAll(':', ' '));
  const topics = config.topics.map((topic) => topic.name.replaceAll(':', ' '));
  for (let count = words.length; count > 0; count--) {
    const name = words.slice(0, count).join(' ');
    if (ids.includes(name)) return undefined;
    if (topics.includes(name)) {
      return words.length === count ? undefined : unknown(words.slice(0, count + 1).join(' '), ids, config.bin, name);
    }
  }
  return unknown(words.slice(0, 2).join(' '), ids, config.bin, undefined, words[0]);
}

function unknown(
  wanted: string,
  ids: readonly string[],
  bin: string,
  topic: string | undefined,
  first?: string,
): EngineError {
  const near = suggestions(wanted, ids);
  if (near.length === 0 && first !== undefined && first !== wanted) near.push(...suggestions(first, ids));
  const shown = topic === undefined && near.length === 0 ? (first ?? wanted) : wanted;
  const help = topic === undefined ? `${bin} --help` : `${bin} ${topic} --help`;
  const hint = near.length === 0 ? help : near.map((id) => `${bin} ${id}`).join(', or ');
  return new EngineError('usage', `no such command: ${shown}`, { hint });
}

function strayFlag(argv: readonly string[]): EngineError | undefined {
  const flag = argv[0];
  if (flag === undefined || flag === '--version' || argv.includes('--help') || argv.includes('-h')) return undefined;
  return new EngineError('usage', `${flag} needs a command before it`, { hint: 'cloudtopics --help' });
}

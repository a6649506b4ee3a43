// What every command stands on: parsed flags with the precedence flag > environment > file > default, the output, the
// interruption, and one way for errors: they leave `run` as they are and main.ts renders them.
//
// oclif's own JSON handling is not used: it prints usage errors with argv in them, and nothing at all for a falsy result.

import { readFile } from 'node:fs/promises';
import type { Interfaces } from '@oclif/core';
import { Command } from '@oclif/core/command';
import { EngineError } from '../engine/base/errors.ts';
import { loadColors, wantsColor } from './colors.ts';
import type { CommandFacts } from './command-facts.ts';
import { outputFlags } from './global-flags.ts';
import { Interruption } from './interruption.ts';
import { Output } from './output.ts';
import { parseSettingsFile, type SettingsFile } from './settings-file-format.ts';
import { overlayEnvironment } from './settings-overlay.ts';

export type FlagsOf<C extends typeof Command> = Interfaces.InferredFlags<C['baseFlags'] & C['flags']>;
export type ArgsOf<C extends typeof Command> = Interfaces.InferredArgs<C['args']>;

type OutputFlags = Interfaces.InferredFlags<typeof outputFlags>;

/** The exit status of a command that ends neither with 0 nor with an error. */
export class ExitWith {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

export abstract class BaseCommand<C extends typeof Command> extends Command {
  static override baseFlags = outputFlags;
  static facts: CommandFacts;

  protected flags!: FlagsOf<C>;
  protected args!: ArgsOf<C>;
  protected output!: Output;
  protected settingsFile: SettingsFile | undefined;
  #interruption: Interruption | undefined;

  override async init(): Promise<void> {
    await super.init();
    this.settingsFile = await this.#readSettingsFile();
    const parsing = {
      flags: this.ctor.flags,
      baseFlags: (this.ctor as typeof BaseCommand).baseFlags,
      args: this.ctor.args,
      strict: this.ctor.strict,
    };
    // The file is laid under the environment, so its values are parsed and checked exactly like those of a flag.
    using _overlay = overlayEnvironment(process.env, this.settingsFile?.flags, {
      ...parsing.baseFlags,
      ...parsing.flags,
    });
    const parsed = await this.parse(parsing);
    this.flags = parsed.flags as FlagsOf<C>;
    this.args = parsed.args as ArgsOf<C>;
    const { json, quiet, verbose, color } = parsed.flags as OutputFlags;
    const colors = await loadColors(wantsColor(color, process.stderr, process.env));
    this.output = new Output({ json, quiet, verbose, colors });
  }

  /** Errors are shown in one place, main.ts. */
  override async catch(error: unknown): Promise<never> {
    throw error;
  }

  override async finally(): Promise<void> {
    this.#interruption?.[Symbol.dispose]();
  }

  /** Asked for by commands that can stop at a good place; without it the signals end the process as usual. */
  protected get interruption(): Interruption {
    this.#interruption ??= new Interruption();
    return this.#interruption;
  }

  /** The path has to be known before flags are parsed, so it is picked out of argv here. */
  async #readSettingsFile(): Promise<SettingsFile | undefined> {
    const file = configArgument(this.argv) ?? (process.env['CLOUDTOPICS_CONFIG'] || undefined);
    if (file === undefined) return undefined;
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new EngineError('usage', `cannot read the settings file ${file}: ${error.code}`, { cause: error });
    });
    const flags = this.config.commands.flatMap((command) => Object.values(command.flags));
    // Only flags with an environment twin can be set from a file: any other would be ignored without a word.
    const names = new Set(flags.filter((flag) => flag.env !== undefined).map((flag) => flag.name));
    return parseSettingsFile(text, file, names);
  }
}

function configArgument(argv: readonly string[]): string | undefined {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  const joined = flags.find((arg) => arg.startsWith('--config='));
  if (joined !== undefined) return joined.slice('--config='.length);
  const at = flags.indexOf('--config');
  return at === -1 ? undefined : flags[at + 1];
}

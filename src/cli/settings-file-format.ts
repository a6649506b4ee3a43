// The file behind --config: `name = value` lines, `#` comments, nothing else.
//
//   bootstrap = broker:9092          a flag that has an environment twin, without its dashes
//   data-dir  = /var/lib/cloudtopics
//   num.partitions = 12              a broker setting (its name has a dot), for `serve`
//
// A flag or an environment variable wins over the file. A name that is no such flag of any command and has no dot is refused,
// with its line, so that a misspelling is never silently ignored. A name given twice is refused too.

import { EngineError } from '../engine/base/errors.ts';

export interface SettingsFile {
  readonly flags: ReadonlyMap<string, string>;
  readonly brokerSettings: ReadonlyMap<string, string>;
}

/** The flag that names the file cannot stand in it. */
const fileFlag = 'config';

export function parseSettingsFile(text: string, file: string, flagNames: ReadonlySet<string>): SettingsFile {
  const flags = new Map<string, string>();
  const brokerSettings = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, index) => {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) return;
    const refuse = (problem: string): never => {
      throw new EngineError('invalid-config', `${problem} (line ${index + 1} of ${file})`, {
        context: { file, line: index + 1 },
      });
    };
    const equals = content.indexOf('=');
    if (equals < 1) refuse('expected "name = value"');
    const name = content.slice(0, equals).trim();
    const value = content.slice(equals + 1).trim();
    const target = name.includes('.') ? brokerSettings : flags;
    if (target === flags && (!flagNames.has(name) || name === fileFlag)) {
      refuse(`"${name}" is not a setting`);
    }
    if (target.has(name)) refuse(`"${name}" is given twice`);
    target.set(name, value);
  });
  return { flags, brokerSettings };
}

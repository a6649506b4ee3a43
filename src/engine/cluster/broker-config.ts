// The broker's settings, by the names Kafka gives them where Kafka has them, and `cloudtopics.*` where it does not.
// A value comes from, in this order: altered while running (kept in the control state), configuration file or flags, default.
// Only definitions marked `dynamic` can be altered while running; readers of those ask again each time.

import { EngineError } from '../base/errors.ts';
import { type BrokerConfigName, brokerConfigDefinitions, brokerConfigTable } from './broker-config-table.ts';
import { type ConfigDefinition, checkConfigValue, configNumber } from './config-definition.ts';

export type { BrokerConfigName } from './broker-config-table.ts';
export { brokerConfigDefinitions } from './broker-config-table.ts';

export type BrokerConfigSource = 'dynamic' | 'static' | 'default';

export class BrokerConfig {
  readonly #static: ReadonlyMap<string, string>;
  #dynamic: ReadonlyMap<string, string> = new Map();
  /** Parsed numbers: some are asked for with every request. */
  readonly #numbers = new Map<BrokerConfigName, number>();

  /** `settings` are those of configuration file and flags; throws `invalid-config`. */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.#static = checkBrokerConfigs(new Map(Object.entries(settings)));
  }

  /** Takes over what was altered while running; called by the control state. */
  setDynamic(values: ReadonlyMap<string, string>): void {
    this.#dynamic = values;
    this.#numbers.clear();
  }

  text(name: BrokerConfigName): string {
    return this.#dynamic.get(name) ?? this.#static.get(name) ?? brokerConfigTable[name].defaultValue;
  }

  number(name: BrokerConfigName): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const text = this.text(name);
    const value = configNumber(text);
    if (Number.isNaN(value)) throw new EngineError('bug', `${name} is not a number: ${text}`);
    this.#numbers.set(name, value);
    return value;
  }

  /** For settings that may also be a word: undefined when they are. */
  numberOrWord(name: BrokerConfigName): number | undefined {
    const value = configNumber(this.text(name));
    return Number.isNaN(value) ? undefined : value;
  }

  flag(name: BrokerConfigName): boolean {
    return this.text(name) === 'true';
  }

  /** Whether it has another value than its default because somebody wanted it. */
  isSet(name: BrokerConfigName): boolean {
    return this.#dynamic.has(name) || this.#static.has(name);
  }

  /** Every value a key has, the effective one first. */
  values(definition: ConfigDefinition): { readonly source: BrokerConfigSource; readonly value: string }[] {
    const found: { source: BrokerConfigSource; value: string }[] = [];
    const dynamic = this.#dynamic.get(definition.name);
    const fixed = this.#static.get(definition.name);
    if (dynamic !== undefined) found.push({ source: 'dynamic', value: dynamic });
    if (fixed !== undefined) found.push({ source: 'static', value: fixed });
    found.push({ source: 'default', value: definition.defaultValue });
    return found;
  }
}

/** The checked settings, trimmed; throws `invalid-config` for an unknown key, or one that `dynamic` refuses. */
export function checkBrokerConfigs(
  configs: ReadonlyMap<string, string>,
  change: 'at start' | 'while running' = 'at start',
): Map<string, string> {
  const checked = new Map<string, string>();
  for (const [name, value] of configs) {
    const definition = brokerConfigDefinitions.get(name);
    if (definition === undefined) {
      throw new EngineError('invalid-config', `Unknown broker config name: ${name.slice(0, 100)}`);
    }
    if (change === 'while running' && definition.dynamic !== true) {
      throw new EngineError(
        'invalid-config',
        `${name} cannot be changed while the broker runs; set it in the configuration file and start again`,
      );
    }
    checked.set(name, checkConfigValue(definition, value));
  }
  return checked;
}

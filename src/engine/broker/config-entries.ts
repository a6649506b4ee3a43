// Settings as DescribeConfigs shows them: the effective value, where it comes from, and what it would be without that.

import {
  type BrokerConfig,
  type BrokerConfigSource,
  brokerConfigDefinitions,
  type ConfigDefinition,
  type ConfigType,
  topicConfigDefinitions,
} from '../cluster/cluster.ts';

/** Kafka's numbers for sources. */
const sourceCode = { topic: 1, dynamic: 2, static: 4, default: 5 } as const satisfies Record<
  BrokerConfigSource | 'topic',
  number
>;

/** Kafka's numbers for types. */
export const configTypeCode: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string;
  readonly source: number;
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: number;
  readonly readOnly: boolean;
  readonly definition: ConfigDefinition;
  /** The effective value first. */
  readonly synonyms: readonly ConfigSynonym[];
}

export function topicConfigEntries(own: ReadonlyMap<string, string>, broker: BrokerConfig): ConfigEntry[] {
  return [...topicConfigDefinitions.values()].map((definition) => {
    const { name, brokerDefault, defaultValue } = definition;
    const synonyms: ConfigSynonym[] = [];
    const value = own.get(name);
    if (value !== undefined) synonyms.push({ name, value, source: sourceCode.topic });
    const inherited = brokerDefault === undefined ? undefined : brokerConfigDefinitions.get(brokerDefault);
    if (inherited === undefined) synonyms.push({ name, value: defaultValue, source: sourceCode.default });
    else synonyms.push(...brokerSynonyms(inherited, broker));
    return entry(definition, synonyms, false);
  });
}

export function brokerConfigEntries(broker: BrokerConfig): ConfigEntry[] {
  return [...brokerConfigDefinitions.values()].map((definition) =>
    entry(definition, brokerSynonyms(definition, broker), definition.dynamic !== true),
  );
}

function brokerSynonyms(definition: ConfigDefinition, broker: BrokerConfig): ConfigSynonym[] {
  return broker
    .values(definition)
    .map(({ source, value }) => ({ name: definition.name, value, source: sourceCode[source] }));
}

function entry(definition: ConfigDefinition, synonyms: readonly ConfigSynonym[], readOnly: boolean): ConfigEntry {
  const { value, source } = synonyms[0] as ConfigSynonym;
  return { name: definition.name, value, source, readOnly, definition, synonyms };
}

// DescribeConfigs: all settings of topics and of the broker, with where their values come from.

import { EngineError } from '../../base/errors.ts';
import { describeConfigs, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { brokerConfigEntries, type ConfigEntry, configTypeCode, topicConfigEntries } from '../config-entries.ts';
import { configResource, type ResourceName } from '../config-resource.ts';
import { type BrokerServices, serve } from '../handler.ts';

type Request = RequestOf<typeof describeConfigs>;
type ResourceAnswer = ResponseInput<typeof describeConfigs>['results'][number];

export const servedDescribeConfigs = serve(
  describeConfigs,
  (request, _context, broker) => ({
    results: request.resources.map((resource) => {
      const entries = entriesOf(resource, broker);
      if (entries instanceof EngineError) return refused(resource, entries.kafkaCode, entries.message);
      const keys = resource.configurationKeys;
      const chosen = keys === null || keys.length === 0 ? entries : entries.filter(({ name }) => keys.includes(name));
      return { ...nameOf(resource), errorCode: 0, configs: chosen.map((entry) => shown(entry, request)) };
    }),
  }),
  (request, errorCode, message) => ({
    results: request.resources.map((resource) => refused(resource, errorCode, message)),
  }),
);

function entriesOf(named: ResourceName, broker: BrokerServices): ConfigEntry[] | EngineError {
  const resource = configResource(named, broker);
  if (resource instanceof EngineError) return resource;
  return resource.kind === 'broker'
    ? brokerConfigEntries(broker.config)
    : topicConfigEntries(resource.topic.configs, broker.config);
}

function shown(entry: ConfigEntry, request: Request): ResourceAnswer['configs'][number] {
  const { name, value, readOnly, source, definition, synonyms } = entry;
  return {
    name,
    value,
    readOnly,
    configSource: source,
    isSensitive: false,
    synonyms: request.includeSynonyms ? synonyms : [],
    configType: configTypeCode[definition.type],
    documentation: request.includeDocumentation ? definition.doc : null,
  };
}

function nameOf({ resourceType, resourceName }: ResourceName): ResourceName {
  return { resourceType, resourceName };
}

function refused(resource: ResourceName, errorCode: number, errorMessage: string): ResourceAnswer {
  return { ...nameOf(resource), errorCode, errorMessage, configs: [] };
}

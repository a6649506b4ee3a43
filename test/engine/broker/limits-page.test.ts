// docs/operating/limits.md and metrics.md name every setting and every metric there is, with the defaults in force.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { brokerConfigDefinitions } from '../../../src/engine/cluster/broker-config.ts';
import { topicConfigDefinitions } from '../../../src/engine/cluster/topic-config.ts';
import { BrokerStage } from './broker-stage.ts';

const page = (name: string) => readFile(new URL(`../../../docs/operating/${name}`, import.meta.url), 'utf8');

test('limits.md has every setting with its default', async () => {
  const lines = (await page('limits.md')).split('\n');
  const definitions = [...brokerConfigDefinitions.values(), ...topicConfigDefinitions.values()];
  expect(definitions.length).toBeGreaterThan(50);
  const missing = definitions.filter(({ name, defaultValue }) => {
    const shown = defaultValue === '' ? '' : `\`${defaultValue}\``;
    return !lines.some((line) => line.startsWith(`| \`${name}\` | ${shown} |`));
  });
  expect(missing.map(({ name, defaultValue }) => `${name}=${defaultValue}`)).toEqual([]);
});

test('metrics.md has every metric of the broker', async () => {
  await using stage = await BrokerStage.open();
  const names = (await stage.registry.getMetricsAsJSON()).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(10);
  const text = await page('metrics.md');
  expect(names.filter((name) => !text.includes(`\`${name}`))).toEqual([]);
});

import { describe, expect, it } from 'vitest';
import { calledAs, firstSteps } from '../../src/cli/first-steps.ts';

const facts = {
  command: 'npx cloudtopics',
  dataDirectory: '/srv/data',
  store: 'file:///srv/data/bucket/',
  kafka: { host: '127.0.0.1', port: 9092 },
  admin: 'http://127.0.0.1:9644',
};

describe('the first steps', () => {
  it('say where the data lies and give commands that can be copied as they stand', () => {
    const lines = firstSteps(facts)
      .split('\n')
      .map((line) => line.trim());
    expect(lines).toContain('echo hello | npx cloudtopics topics produce greetings');
    expect(lines).toContain('npx cloudtopics topics consume greetings --from beginning --exit-at-end');
    expect(lines).toContain('kcat -b 127.0.0.1:9092 -L');
    expect(lines).toContain('curl http://127.0.0.1:9644/v1/metrics');
    expect(lines.some((line) => line.endsWith(facts.dataDirectory))).toBe(true);
    expect(lines.some((line) => line.endsWith(facts.store))).toBe(true);
  });
  it('name the address where it is not the usual one, and one that can be reached', () => {
    const text = firstSteps({ ...facts, kafka: { host: '0.0.0.0', port: 19092 }, admin: undefined });
    expect(text).toContain('topics produce greetings --bootstrap 127.0.0.1:19092\n');
    expect(text).not.toContain('0.0.0.0');
    expect(text).not.toContain('curl');
    expect(firstSteps({ ...facts, kafka: { host: '::', port: 9092 } })).toContain('--bootstrap [::1]:9092');
  });
  it('call the command as the user did', () => {
    expect(calledAs('cloudtopics', { npm_command: 'exec' })).toBe('npx cloudtopics');
    expect(calledAs('cloudtopics', { npm_command: 'run-script' })).toBe('cloudtopics');
    expect(calledAs('cloudtopics', {})).toBe('cloudtopics');
  });
});

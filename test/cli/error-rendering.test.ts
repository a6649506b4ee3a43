import { describe, expect, it } from 'vitest';
import { noColors } from '../../src/cli/colors.ts';
import { errorJson, renderError, toShownError, withoutSecrets } from '../../src/cli/error-rendering.ts';
import { exitStatuses, exitStatusOf } from '../../src/cli/exit-statuses.ts';
import { type ErrorKind, exitStatusByKind } from '../../src/engine/base/error-table.ts';
import { EngineError } from '../../src/engine/base/errors.ts';

const plain = { verbose: false, colors: noColors };

describe('errors as they are shown', () => {
  it('say what, why, where and what to try, without a stack', () => {
    const cause = new Error('connect ECONNREFUSED');
    const error = new EngineError('broker-unavailable', 'no broker answers', {
      cause,
      context: { host: 'h', port: 1 },
    });
    expect(renderError(error, plain)).toBe(
      [
        'error: no broker answers',
        '  because: connect ECONNREFUSED',
        '  where: host=h port=1',
        '  code: broker-unavailable (cloudtopics explain broker-unavailable)',
        '  try: cloudtopics serve, or give the right --bootstrap HOST:PORT',
        '',
      ].join('\n'),
    );
  });

  it('have a stack when they are a bug, or with --verbose', () => {
    expect(renderError(toShownError(new TypeError('x is not a function')), plain)).toContain('at ');
    const known = new EngineError('topic-exists', 'there');
    expect(renderError(known, plain)).not.toContain('    at ');
    expect(renderError(known, { ...plain, verbose: true })).toContain('    at ');
  });

  it.each([
    ['s3://bucket/p?accessKeyId=AK1&secretAccessKey=S3CRET&region=x', 'S3CRET'],
    ['https://user:hunter2@host/path', 'hunter2'],
    ['password: hunter2, next', 'hunter2'],
    ['sasl.password="hunter 2"', 'hunter 2'],
  ])('never echo a secret: %s', (text, secret) => {
    expect(withoutSecrets(text)).not.toContain(secret);
    const error = new EngineError('store-denied', text, { context: { secretKey: secret, where: text } });
    expect(renderError(error, { ...plain, verbose: true })).not.toContain(secret);
    expect(JSON.stringify(errorJson(error, false))).not.toContain(secret);
  });

  it('as JSON have a schema, the kind and the exit status', () => {
    expect(errorJson(new EngineError('topic-exists', 'there', { context: { topic: 't' } }), false)).toEqual({
      schema: 'cloudtopics/error/v1',
      error: {
        code: 'topic-exists',
        kind: 'conflict',
        exitStatus: 6,
        retryable: false,
        message: 'there',
        meaning: 'A topic of this name exists already.',
        because: [],
        context: { topic: 't' },
      },
    });
  });

  it('end with a status that the table of statuses explains, every kind', () => {
    const kinds = Object.keys(exitStatusByKind) as ErrorKind[];
    for (const kind of kinds) expect(exitStatuses.some(({ status }) => status === exitStatusOf(kind))).toBe(true);
  });
});

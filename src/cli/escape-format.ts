// Backslash escapes in flags, where a shell makes real bytes awkward: \n \r \t \0 \\ \xHH.

import { EngineError } from '../engine/base/errors.ts';

const simple: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', '\\': '\\' };

export function unescapeText(text: string): Buffer {
  const parts: Buffer[] = [];
  let plain = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      plain += text[at];
      continue;
    }
    const next = text[++at] ?? '';
    const hex = next === 'x' ? /^[0-9a-fA-F]{2}/.exec(text.slice(at + 1)) : null;
    if (hex !== null) {
      parts.push(Buffer.from(plain), Buffer.from(hex[0], 'hex'));
      plain = '';
      at += 2;
    } else if (simple[next] !== undefined) {
      plain += simple[next];
    } else {
      throw new EngineError('usage', `unknown escape \\${next}`, { hint: 'known are \\n \\r \\t \\0 \\\\ \\xHH' });
    }
  }
  parts.push(Buffer.from(plain));
  return Buffer.concat(parts);
}

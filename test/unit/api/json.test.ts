import fc from 'fast-check';
import { MAX_DEPTH, parseJsonBody } from '../../../src/api/json/body';
import { forbiddenText } from '../../../src/api/json/forbidden-text';
import { HttpProblem } from '../../../src/api/http/problem';

function codeOf(body: string | Buffer): string | null {
  try {
    parseJsonBody(Buffer.from(body as string), 1);
    return null;
  } catch (error) {
    if (error instanceof HttpProblem) return error.code;
    throw error;
  }
}

describe('forbiddenText agrees with what the text means', () => {
  test('on any string of escapes', () => {
    const unit = fc.constantFrom('\\', '\0', '\ud83d', '\ude00', '"', 'u0000', '\\u0000', 'a', '\n');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
        const value = units.join('');
        // JSON.stringify writes NULs and lone surrogates as escapes and leaves proper pairs raw.
        const text = JSON.stringify(value);
        const bad = value.includes('\0') || /\p{Surrogate}/u.test(value);
        expect(forbiddenText(text) !== null).toBe(bad);
        const escaped = text.replace(/[\ud800-\udfff]/g, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
        expect(forbiddenText(escaped) !== null).toBe(bad);
      }),
    );
  });
});

describe('parseJsonBody', () => {
  test.each([
    ['', 'malformed_json'],
    ['{', 'malformed_json'],
    ['{"a":1}x', 'malformed_json'],
    ["{'a':1}", 'malformed_json'],
    ['{"a":1,}', 'malformed_json'],
    ['{"a":NaN}', 'malformed_json'],
    ['// c\n{}', 'malformed_json'],
    ['{"a":1,"a":2}', 'malformed_json'],
    ['{"a":1,"\\u0061":2}', 'malformed_json'],
    ['{"payload":{"b":[{"c":1,"c":1}]}}', 'malformed_json'],
    ['{"a":"\\u0000"}', 'malformed_text'],
    ['{"\\ud800":1}', 'malformed_text'],
    ['{"a":"\u0000"}', 'malformed_json'],
    ['\ufeff{}', 'malformed_text'],
    [Buffer.from([0x22, 0xff, 0x22]), 'malformed_text'],
    [Buffer.from('{"a":"\ud83d\ude00"}', 'utf16le'), 'malformed_text'],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'malformed_json'],
    [`${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}`, 'malformed_json'],
  ])('%j is refused', (body, code) => {
    expect(codeOf(body)).toBe(code);
  });

  test.each([
    '{}',
    'null',
    '[1]',
    '{"__proto__":1,"constructor":2}',
    `${'['.repeat(MAX_DEPTH)}${']'.repeat(MAX_DEPTH)}`,
  ])('%s is parsed', (body) => {
    expect(codeOf(body)).toBeNull();
  });

  test('finds the payloads of events only, at their own depth', () => {
    const of = (text: string, depth: 1 | 2, index = 0): string | undefined =>
      parseJsonBody(Buffer.from(text), depth).payload(index)?.toString();
    expect(of('{"a":{"payload":1},"payload": [ "payload" ] }', 1)).toBe('[ "payload" ]');
    expect(of('{"a":"payload","b":["payload",{"payload":1}]}', 1)).toBeUndefined();
    expect(of('[{"payload":1}]', 1)).toBeUndefined();
    expect(of('{"p\\u0061yload":"é"}', 1)).toBe('"é"');
    const batch = '[{"x":[1,2],"payload":{"a":[1,2]}},{"x":1},7,{"payload":-0.0e1}]';
    expect([0, 1, 2, 3].map((index) => of(batch, 2, index))).toEqual(['{"a":[1,2]}', undefined, undefined, '-0.0e1']);
  });

  test('the error does not quote the body', () => {
    expect.assertions(1);
    try {
      parseJsonBody(Buffer.from('{"password":"canary"'), 1);
    } catch (error) {
      expect(String(error)).not.toContain('canary');
    }
  });
});

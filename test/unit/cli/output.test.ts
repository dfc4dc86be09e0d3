import fc from 'fast-check';
import { payloadText } from '../../../src/cli/events';
import { cell, visible } from '../../../src/cli/output';
import { path, queryOf } from '../../../src/cli/pages';

test('nothing that a tenant wrote can drive the terminal', () => {
  expect(visible('\u001b[2Jgone\r\n\u009b1m\u202eabc')).toBe('\\u001b[2Jgone\\u000d\\u000a\\u009b1m\\u202eabc');
  expect([cell(null), cell(undefined), cell(0), cell(['a']), cell({ b: 'c\nd' })]).toEqual([
    '-',
    '-',
    '0',
    '["a"]',
    '{"b":"c\\nd"}',
  ]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) =>
      expect(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u.test(cell(text))).toBe(false),
    ),
  );
});

test('a value is one segment of a path, or one parameter, whatever is in it', () => {
  expect(path`/admin/x/${'a/b?c'}/y/${'é'}`).toBe('/admin/x/a%2Fb%3Fc/y/%C3%A9');
  expect(queryOf({ a: undefined })).toBe('');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const url = new URL(`http://x/a${queryOf({ key: value, other: undefined, limit: 5 })}`);
      expect([...url.searchParams]).toEqual([
        ['key', value],
        ['limit', '5'],
      ]);
    }),
  );
});

test('a payload is shown as text only if it is text', () => {
  expect(payloadText(Buffer.from('{"n":1}').toString('base64'))).toBe('{"n":1}');
  expect(payloadText(Buffer.from([0xff, 0x00]).toString('base64'))).toBe('(2 bytes that are no text)');
  expect(payloadText(null)).toBeNull();
});

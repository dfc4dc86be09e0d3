import { SyntaxKind, createScanner } from 'jsonc-parser';

/** A half-open range of characters. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface ScanOptions {
  /** How deep the objects whose `payload` is wanted are: 1 = the text is one event, 2 = it is an array of events. */
  readonly eventDepth: 1 | 2;
  readonly maxDepth: number;
}

export type Scan =
  | { readonly ok: true; readonly payloads: readonly (Range | undefined)[] }
  | { readonly ok: false; readonly problem: string };

/**
 * Walks over well-formed JSON (JSON.parse has accepted it) and finds where each event's payload stands, so that its very
 * bytes can be published: JSON.parse would turn 2^53+1 into 2^53 and 1e400 into Infinity. Also refuses what JSON.parse
 * lets through: duplicate names (parsers disagree on which one counts) and deep nesting. No recursion, hence no overflow.
 */
export function scanJson(text: string, options: ScanOptions): Scan {
  const scanner = createScanner(text, true);
  const payloads: (Range | undefined)[] = [];
  /** The names of each open object; null = an open array. */
  const open: (Set<string> | null)[] = [];
  let element = 0;
  let expectName = false;
  let payloadNext = false;
  let payloadStart = -1;

  for (let kind = scanner.scan(); kind !== SyntaxKind.EOF; kind = scanner.scan()) {
    if (payloadNext && kind !== SyntaxKind.ColonToken) {
      payloadNext = false;
      const start = scanner.getTokenOffset();
      if (kind === SyntaxKind.OpenBraceToken || kind === SyntaxKind.OpenBracketToken) payloadStart = start;
      else payloads[element] = { start, end: start + scanner.getTokenLength() };
    }
    if (kind === SyntaxKind.OpenBraceToken || kind === SyntaxKind.OpenBracketToken) {
      expectName = kind === SyntaxKind.OpenBraceToken;
      open.push(expectName ? new Set() : null);
      if (open.length > options.maxDepth)
        return { ok: false, problem: `more than ${options.maxDepth} levels of nesting` };
    } else if (kind === SyntaxKind.CloseBraceToken || kind === SyntaxKind.CloseBracketToken) {
      open.pop();
      if (payloadStart >= 0 && open.length === options.eventDepth) {
        payloads[element] = { start: payloadStart, end: scanner.getTokenOffset() + 1 };
        payloadStart = -1;
      }
    } else if (kind === SyntaxKind.CommaToken) {
      expectName = (open.at(-1) ?? null) !== null;
      if (options.eventDepth === 2 && open.length === 1) element += 1;
    } else if (kind === SyntaxKind.StringLiteral && expectName) {
      expectName = false;
      const name = scanner.getTokenValue();
      const names = open.at(-1);
      if (names?.has(name) === true)
        return { ok: false, problem: `a duplicate name at character ${scanner.getTokenOffset()}` };
      names?.add(name);
      payloadNext = open.length === options.eventDepth && name === 'payload';
    }
  }
  return { ok: true, payloads };
}

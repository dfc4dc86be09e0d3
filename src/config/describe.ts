import { VARIABLE_NAMES, variableSchema } from './schema';
import type { VariableName } from './schema';
import { defaultOf, metaOf } from './variables';

export interface DescribedVariable {
  readonly name: VariableName;
  /** Text as it would stand in the environment; secrets are masked; null = unset and without default. */
  readonly value: string | null;
  readonly source: 'option' | 'environment' | 'file' | 'default' | 'unset';
}

export interface RawValue {
  readonly text: string;
  readonly source: 'option' | 'environment' | 'file';
}

/** Every variable with its effective text and where that came from; never shows a secret. */
export function describeRaw(raw: ReadonlyMap<VariableName, RawValue>): DescribedVariable[] {
  return VARIABLE_NAMES.map((name) => {
    const given = raw.get(name);
    const fallback = defaultOf(variableSchema(name));
    if (given === undefined)
      return { name, value: fallback ?? null, source: fallback === undefined ? 'unset' : 'default' };
    const secret = metaOf(variableSchema(name)).secret === true;
    return { name, value: secret ? mask(given.text) : given.text, source: given.source };
  });
}

/** Hides a secret as a whole; of a URL, only its parts that can be secret, so that the host can still be checked. */
export function mask(secret: string): string {
  if (!/^postgres(ql)?:/.test(secret)) return '***';
  try {
    const url = new URL(secret);
    if (url.password !== '') url.password = '***';
    for (const name of [...url.searchParams.keys()]) if (/pass|key/i.test(name)) url.searchParams.set(name, '***');
    return url.toString();
  } catch {
    return '***';
  }
}

import { z } from 'zod';

/** What the documentation and the reader of the environment need to know about a variable besides its type. */
export interface VariableMeta {
  readonly section: Section;
  readonly about: string;
  /** Never printed; also readable from the file that NAME_FILE names. */
  readonly secret?: boolean;
  /** Not secret, but also readable from NAME_FILE (certificates). */
  readonly file?: boolean;
}

export const SECTIONS = [
  'Postgres',
  'Kafka',
  'Topics',
  'Temporal',
  'Listeners',
  'Limits',
  'Publishing',
  'Retention and metrics',
  'Sweep and shutdown',
  'Command line',
] as const;
export type Section = (typeof SECTIONS)[number];

const registry = z.registry<VariableMeta>();

/** A variable without a default: undefined when unset. */
export function optional<T>(parser: z.ZodType<T, string>, meta: VariableMeta): z.ZodOptional<z.ZodType<T, string>> {
  return parser.optional().register(registry, meta);
}

/** A variable with a default, given as the text one would write into the environment. */
export function withDefault<T>(
  parser: z.ZodType<T, string>,
  text: string,
  meta: VariableMeta,
): z.ZodPrefault<z.ZodType<T, string>> {
  return parser.prefault(text).register(registry, meta);
}

/** The metadata of a variable's schema. */
export function metaOf(schema: z.ZodType): VariableMeta {
  const meta = registry.get(schema);
  if (meta === undefined) throw new Error('A variable has no metadata: declare it with optional() or withDefault().');
  return meta;
}

/** The default as text, or undefined. */
export function defaultOf(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined;
}

import { readFileSync } from 'node:fs';
import { OutboxError, errorMessage } from './domain/errors';
import { describeRaw } from './config/describe';
import type { DescribedVariable, RawValue } from './config/describe';
import { unknownNames } from './config/names';
import { FOREIGN_NAMES, VARIABLE_NAMES, crossProblems, variableSchema } from './config/schema';
import type { Values, VariableName } from './config/schema';
import { shape } from './config/shape';
import type { Config } from './config/shape';
import { metaOf } from './config/variables';

export type { Config } from './config/shape';
export type { VariableName } from './config/schema';
export type { DescribedVariable } from './config/describe';
export { hasPlainKey, isTopicAllowed } from './config/topics';

/** sysexits' EX_CONFIG: what a process exits with after a ConfigError. */
export const EXIT_CONFIG = 78;

export interface ConfigProblem {
  readonly variable: string;
  /** What is wrong; never contains the value. */
  readonly message: string;
}

/** Thrown when the configuration is wrong; names all problems at once. Exit with `EXIT_CONFIG`. */
export class ConfigError extends OutboxError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map((problem) => `  ${problem.variable} ${problem.message}`);
    super(
      'CONFIG_INVALID',
      `The configuration has ${problems.length} problem(s):\n${lines.join('\n')}\nCorrect them and start again; docs/configuration.md lists all variables.`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface ConfigOptions {
  /** Values that win over the environment, by variable name (addresses of the embedded servers, command-line options). */
  readonly overrides?: Readonly<Partial<Record<VariableName, string | number | boolean>>>;
}

/**
 * Reads the configuration: option > environment (or the file that NAME_FILE names) > default. Empty text counts as unset.
 * Throws a ConfigError with every problem found. Unknown OUTBOX_* names end in `warnings`.
 */
export function loadConfig(env: NodeJS.ProcessEnv, options: ConfigOptions = {}): Config {
  const { raw, problems } = readRaw(env, options);
  const values: Partial<Record<VariableName, unknown>> = {};
  const named = new Set(problems.map((problem) => problem.variable.replace(/_FILE$/, '')));
  for (const name of VARIABLE_NAMES) {
    const result = variableSchema(name).safeParse(raw.get(name)?.text);
    if (result.success) values[name] = result.data;
    else for (const issue of result.error.issues) problems.push({ variable: name, message: issue.message });
    if (!result.success) named.add(name);
  }
  problems.push(...crossProblems(values as Partial<Values>).filter((problem) => !named.has(problem.variable)));
  if (problems.length > 0) throw new ConfigError(problems);
  return shape(values as Values, unknownNames(env, knownNames()));
}

/** Every variable with its effective text and source, secrets masked. Throws a ConfigError only for unreadable files. */
export function describeConfig(env: NodeJS.ProcessEnv, options: ConfigOptions = {}): readonly DescribedVariable[] {
  const { raw, problems } = readRaw(env, options);
  if (problems.length > 0) throw new ConfigError(problems);
  return describeRaw(raw);
}

function readRaw(
  env: NodeJS.ProcessEnv,
  options: ConfigOptions,
): { raw: Map<VariableName, RawValue>; problems: ConfigProblem[] } {
  const raw = new Map<VariableName, RawValue>();
  const problems: ConfigProblem[] = [];
  for (const name of VARIABLE_NAMES) {
    const override = options.overrides?.[name];
    const text = (env[name] ?? '').trim();
    const file = fileOf(name, env);
    if (override !== undefined && override !== '') {
      raw.set(name, { text: String(override), source: 'option' });
    } else if (text !== '' && file !== '') {
      problems.push({ variable: name, message: `and ${name}_FILE are both set: keep one of them` });
    } else if (text !== '') {
      raw.set(name, { text, source: 'environment' });
    } else if (file !== '') {
      try {
        const content = readFileSync(file, 'utf8').trim();
        if (content === '') problems.push({ variable: `${name}_FILE`, message: 'names an empty file' });
        else raw.set(name, { text: content, source: 'file' });
      } catch (error) {
        problems.push({ variable: `${name}_FILE`, message: `cannot be read: ${errorMessage(error)}` });
      }
    }
  }
  return { raw, problems };
}

function fileOf(name: VariableName, env: NodeJS.ProcessEnv): string {
  return isFromFile(name) ? (env[`${name}_FILE`] ?? '').trim() : '';
}

function isFromFile(name: VariableName): boolean {
  const meta = metaOf(variableSchema(name));
  return meta.secret === true || meta.file === true;
}

function knownNames(): string[] {
  return [...VARIABLE_NAMES.flatMap((name) => (isFromFile(name) ? [name, `${name}_FILE`] : [name])), ...FOREIGN_NAMES];
}

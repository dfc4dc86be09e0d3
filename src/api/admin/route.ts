import type { z } from 'zod';
import type { AdminCaller, AdminScope } from '../auth/admin';

/** What a handler gets: everything parsed and allowed. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: AdminCaller;
  /** The tenant that URL, query or body names; for a key of one tenant always that one; null = all tenants. */
  readonly tenant: string | null;
}

type Params = z.ZodObject;

/**
 * One route of the admin API as a value: the app mounts it, and the OpenAPI document describes it, from the same contracts,
 * so that the two cannot differ. A handler's answer is checked against `answer` by the compiler.
 */
export interface RouteSpec<P extends Params, Q extends Params, B extends z.ZodType, A extends z.ZodType> {
  /** operationId. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/admin/circuit/{tenant}/open`. */
  readonly path: string;
  readonly summary: string;
  readonly scope: AdminScope;
  /**
   * Whom a key of one tenant may ask about. `tenant`: URL or body name the tenant, which must be its own; `own`: the answer is
   * cut to its own; `all`: not for such keys.
   */
  readonly reach: 'tenant' | 'own' | 'all';
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** No body is as good as `{}`. */
  readonly bodyOptional?: boolean;
  /** Default 200; 204 has no answer. */
  readonly status?: 200 | 201 | 202 | 204;
  readonly answer: A;
  handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<z.input<A>>;
}

/** A route with its types forgotten: what lists, app and document work with. */
export interface AdminRoute extends Omit<RouteSpec<Params, Params, z.ZodType, z.ZodType>, 'handle'> {
  handle(call: Call<unknown, unknown, unknown>): Promise<unknown>;
}

/** Types a route by its contracts. */
export function route<P extends Params, Q extends Params, B extends z.ZodType, A extends z.ZodType>(
  spec: RouteSpec<P, Q, B, A>,
): AdminRoute {
  return spec as unknown as AdminRoute;
}

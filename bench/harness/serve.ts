/** The calls of a helper process by name; each takes one structured-cloneable value. */
export type Calls<C> = { readonly [K in keyof C]: (input: never) => unknown };

export interface Request {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Makes this process a helper: runs the calls of its parent and ends with it. */
export function serve<C extends Calls<C>>(calls: C): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (request: Request) => {
    void answer(calls, request).then((message) => process.send?.(message));
  });
}

async function answer<C extends Calls<C>>(calls: C, { id, name, input }: Request): Promise<Answer> {
  try {
    const call = (calls as unknown as Record<string, ((input: unknown) => unknown) | undefined>)[name];
    if (call === undefined) throw new Error(`there is no call ${name}`);
    return { id, value: await call(input) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

type Close = () => Promise<unknown> | void;

/** What a run started, ended in reverse order, also after a failure or a signal. */
export class Closing {
  readonly #steps: { readonly name: string; readonly close: Close }[] = [];
  #closing: Promise<void> | null = null;

  constructor(private readonly report: (message: string) => void) {}

  add(name: string, close: Close): void {
    this.#steps.push({ name, close });
    // Started while a signal was already ending everything.
    if (this.#closing !== null) this.#closing = this.#closing.then(() => this.#closeAll());
  }

  /** Ends everything; a step that fails is reported and does not keep the others from ending. All callers wait for the end. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.close();
      } catch (error) {
        this.report(`${step.name} did not end cleanly: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

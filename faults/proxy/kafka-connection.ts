import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { FrameSplitter, answerCorrelation, requestHead } from './kafka-frames';
import type { ArmedRule, KafkaFault } from './kafka-rules';

/** One client connection and its own connection to the broker, frame by frame in order, with faults on the way. */
export class KafkaConnection {
  /** What becomes of the answer to a request, by correlation id. */
  readonly #answers = new Map<number, KafkaFault>();
  #toBroker: Promise<void> = Promise.resolve();
  #toClient: Promise<void> = Promise.resolve();
  /** Requests on their way to the broker that must arrive although the client left. */
  #held = 0;

  constructor(
    private readonly client: Socket,
    private readonly broker: Socket,
    private readonly ruleFor: (frame: Buffer) => ArmedRule | null,
    private readonly onClosed: () => void,
  ) {
    const requests = new FrameSplitter();
    const answers = new FrameSplitter();
    client.on('data', (chunk: Buffer) => {
      for (const frame of requests.push(chunk)) this.#queueRequest(frame);
    });
    broker.on('data', (chunk: Buffer) => {
      for (const frame of answers.push(chunk)) this.#queueAnswer(frame);
    });
    // Errors are always followed by close, which does what is left to do.
    client.on('error', () => undefined);
    broker.on('error', () => undefined);
    client.on('close', () => this.#clientLeft());
    broker.on('close', () => this.destroy());
  }

  destroy(): void {
    this.client.destroy();
    this.broker.destroy();
    this.onClosed();
  }

  #clientLeft(): void {
    if (this.#held === 0) this.destroy();
  }

  #queueRequest(frame: Buffer): void {
    const armed = this.ruleFor(frame);
    if (armed?.rule.fault.kind === 'hold') this.#held += 1;
    this.#toBroker = this.#toBroker.then(() => this.#passRequest(frame, armed));
  }

  async #passRequest(frame: Buffer, armed: ArmedRule | null): Promise<void> {
    const fault = armed?.rule.fault;
    switch (fault?.kind) {
      case undefined:
        break;
      case 'drop-request':
        return;
      case 'close-request':
        this.destroy();
        return;
      case 'cut-request':
        this.broker.write(frame.subarray(0, Math.floor(frame.length / 2)), () => this.destroy());
        return;
      case 'delay':
        this.#answers.set(requestHead(frame).correlationId, fault);
        await delay(fault.ms);
        break;
      case 'hold':
        await armed?.released();
        await new Promise((resolve) => this.broker.write(frame, resolve));
        this.#held -= 1;
        // The answer finds nobody; a moment for the broker to have read the request before its socket goes.
        if (this.client.destroyed) setTimeout(() => this.#clientLeft(), 500);
        return;
      case 'drop-answer':
      case 'close-answer':
      case 'cut-answer':
        this.#answers.set(requestHead(frame).correlationId, fault);
        break;
    }
    if (!this.broker.destroyed) this.broker.write(frame);
  }

  #queueAnswer(frame: Buffer): void {
    this.#toClient = this.#toClient.then(() => this.#passAnswer(frame));
  }

  async #passAnswer(frame: Buffer): Promise<void> {
    const correlation = answerCorrelation(frame);
    const fault = this.#answers.get(correlation);
    this.#answers.delete(correlation);
    if (fault?.kind === 'drop-answer') return;
    if (fault?.kind === 'close-answer') {
      this.destroy();
      return;
    }
    if (fault?.kind === 'cut-answer') {
      this.client.write(frame.subarray(0, Math.floor(frame.length / 2)), () => this.destroy());
      return;
    }
    if (fault?.kind === 'delay') await delay(fault.ms);
    if (!this.client.destroyed) this.client.write(frame);
  }
}

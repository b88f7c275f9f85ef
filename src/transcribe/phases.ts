// What one run of a job spends its time on: each phase is measured, and is a span of the job's trace.
import type { Attributes, TraceContext, Tracing } from '../trace.ts';

export type PhaseName = 'queue' | 'fetch' | 'decode' | 'recognise' | 'add-ons' | 'render' | 'commit';
export type Milliseconds = Partial<Record<PhaseName, number>>;

type Options = {
  tracing: Tracing;
  /** Of the job. */
  trace: TraceContext | null;
  /** Of every phase's span. */
  attributes: () => Attributes;
};

export class Phases {
  readonly #options: Options;
  readonly #ms: Milliseconds = {};

  constructor(options: Options) {
    this.#options = options;
  }

  /** Of those that are over. */
  get ms(): Readonly<Milliseconds> {
    return this.#ms;
  }

  /** The work is given the context of its phase, for what follows from it. */
  async during<T>(
    name: PhaseName,
    work: (context: TraceContext | null) => Promise<T>,
    attributes?: () => Attributes,
  ): Promise<T> {
    const { context, end } = this.begin(name, attributes);
    try {
      const result = await work(context);
      end();
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }

  /** `end` takes what the phase failed of; what follows its first call does nothing. */
  begin(
    name: PhaseName,
    attributes?: () => Attributes,
  ): { context: TraceContext | null; end: (error?: unknown) => void } {
    const started = performance.now();
    const span = this.#start(name, { attributes });
    let isOver = false;
    return {
      context: span.context,
      end: (error) => {
        if (isOver) return;
        isOver = true;
        this.#ms[name] = Math.round(performance.now() - started);
        span.end(error === undefined ? {} : { error: kindOf(error) });
      },
    };
  }

  /** One that was over before this run began. */
  past(name: PhaseName, from: Date, to: Date): void {
    this.#ms[name] = to.getTime() - from.getTime();
    this.#start(name, { at: from }).end({ at: to });
  }

  #start(name: PhaseName, { at, attributes }: { at?: Date; attributes?: (() => Attributes) | undefined }) {
    const { tracing, trace, attributes: common } = this.#options;
    const all = () => ({ ...common(), ...attributes?.() });
    return tracing.start(name, { parent: trace, attributes: all, ...(at && { at }) });
  }
}

/** Its code or its name: what its message says may be a stranger's. */
function kindOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return String(code ?? name ?? 'Error');
}

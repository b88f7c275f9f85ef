// How long runs of jobs took, as a histogram of what the database has counted: those who run jobs may be other processes,
// which nobody can scrape.
import {
  Gauge,
  type MetricObjectWithValues,
  type MetricType,
  type MetricValueWithName,
  type Registry,
} from 'prom-client';
import { RUN_LIMITS, RUN_OUTCOMES, type RunTotal } from '../store/figures.ts';

type Label = 'outcome';
const NAME = 'ringback_run_duration_seconds';

/** Not prom-client's Histogram, which can only count by itself. */
export class RunDurations extends Gauge<Label> {
  /** The totals to show; null: nobody knows. */
  told: readonly RunTotal[] | null = null;

  constructor(registers: Registry[]) {
    super({
      name: NAME,
      help: 'Time from the start of a transcription to its end in the database, of all processes',
      labelNames: ['outcome'],
      registers,
    });
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<Label>>> {
    // In its types an enumeration; what is written is the word.
    const type = 'histogram' as unknown as MetricType;
    return { ...(await super.get()), type, values: this.told === null ? [] : valuesOf(this.told) };
  }
}

/** Every limit counts those below it as well. All are there from the start: a rate of what has just appeared is none. */
function valuesOf(totals: readonly RunTotal[]): MetricValueWithName<Label>[] {
  return RUN_OUTCOMES.flatMap((outcome) => {
    const own = totals.filter((total) => total.outcome === outcome);
    const runs = (limit: number) => sumOf(own.filter(({ le }) => le <= limit).map((total) => total.runs));
    const value = (name: string, value: number, more = {}) => ({
      value,
      labels: { outcome, ...more },
      metricName: `${NAME}_${name}`,
    });
    return [
      ...RUN_LIMITS.map((limit) =>
        value('bucket', runs(limit), { le: Number.isFinite(limit) ? limit : '+Inf' }),
      ),
      value('sum', sumOf(own.map(({ seconds }) => seconds))),
      value('count', runs(Number.POSITIVE_INFINITY)),
    ];
  });
}

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

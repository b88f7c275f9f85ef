// The charts of the overview.
import { milliseconds, whole } from '../format.ts';
import type { Stats } from '../stats.ts';
import { Chart } from './chart.tsx';

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

/** Small shares of an hour too. */
const hours = (value: number): string =>
  value >= 10 || value === 0 ? `${Math.round(value)} h` : `${value.toFixed(value >= 1 ? 1 : 2)} h`;

/** What became of callbacks, and how long attempts took. */
export function CallbackCharts({ of }: { of: Stats }) {
  const { times, step } = of;
  return (
    <>
      <Chart
        title="Callbacks"
        says={`Callbacks that ended: ${whole(of.total.delivered)} delivered, ${whole(of.total.failed)} failed, ${whole(of.total.cancelled)} cancelled.`}
        {...{ times, step }}
        as="bars"
        format={whole}
        series={[
          { name: 'delivered', colour: 'good-solid', values: of.delivered },
          { name: 'failed', colour: 'bad-solid', values: of.failed },
          { name: 'cancelled', colour: 'off-solid', values: of.cancelled },
        ]}
      />
      <Chart
        title="Attempt latency"
        says={latencyOf(of.total)}
        {...{ times, step }}
        as="lines"
        format={milliseconds}
        series={[
          { name: 'p50', colour: 'accent', values: of.p50 },
          { name: 'p95', colour: 'waiting-solid', values: of.p95 },
        ]}
      />
    </>
  );
}

function latencyOf({ p50, p95 }: Stats['total']): string {
  if (p50 === null || p95 === null) return 'No attempt was made.';
  return `An attempt took ${milliseconds(p50)} in the middle, ${milliseconds(p95)} for the slowest twentieth.`;
}

/** The room that charts will take. */
export function ChartsToCome({ titles }: { titles: readonly string[] }) {
  return (
    <>
      {titles.map((title) => (
        <figure key={title} class="chart" aria-busy="true">
          <figcaption>
            <h2>{title}</h2>
          </figcaption>
          <div class="plot" />
        </figure>
      ))}
    </>
  );
}

export function StatsCharts({ of }: { of: Stats | undefined }) {
  if (of === undefined)
    return (
      <div class="charts">
        <ChartsToCome
          titles={['Callbacks', 'Attempt latency', 'Transcriptions', 'Audio heard, hours per hour']}
        />
      </div>
    );
  const { times, step } = of;
  return (
    <div class="charts">
      <CallbackCharts of={of} />
      <Chart
        title="Transcriptions"
        says={`Transcriptions that ended: ${whole(sum(of.done))} done, ${whole(sum(of.errors))} with an error; ${whole(of.queued)} wait and ${whole(of.processing)} run now.`}
        {...{ times, step }}
        as="bars"
        format={whole}
        series={[
          { name: 'done', colour: 'busy-solid', values: of.done },
          { name: 'error', colour: 'bad-solid', values: of.errors },
        ]}
      />
      <Chart
        title="Audio heard, hours per hour"
        says={`${hours(of.total.audioHours)} of audio were heard.`}
        {...{ times, step }}
        as="bars"
        format={hours}
        series={[{ name: 'audio', colour: 'busy-solid', values: of.audio }]}
      />
    </div>
  );
}

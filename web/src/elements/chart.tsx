// A chart over time by uPlot (MIT), in the colours of the page: redrawn when those change, or the width. What it shows
// is said in a sentence too, for whoever does not see it.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

export type Series = {
  name: string;
  /** A custom property of style/tokens.css. */
  colour: string;
  /** Null: nothing is known of that step. */
  values: readonly (number | null)[];
};

type ChartProps = {
  title: string;
  /** In place of the picture. */
  says: string;
  /** Unix seconds of the beginning of each step, and how long one is. */
  times: readonly number[];
  step: number;
  series: readonly Series[];
  /** `bars`: counts, one on top of the other; `lines`: measures. */
  as: 'bars' | 'lines';
  format: (value: number) => string;
};

const HEIGHT = 150;
const DARK = '(prefers-color-scheme: dark)';

export function Chart(props: ChartProps) {
  const { title, says, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [dark, setDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const change = () => setDark(query.matches);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  const drawn = [props.as, props.step, dark, ...series.map(({ name }) => name)].join(' ');
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(props, element), dataOf(props), element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [drawn]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.times, series]);
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <span class="legend">
          {series.map(({ name, colour }) => (
            <span key={name}>
              <span class={`dot colour-${colour}`} aria-hidden="true" /> {name}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={says} />
    </figure>
  );
}

/** Bars stand on one another, the first lowest: each is drawn from the ground up to its sum, the highest first. */
function dataOf({ times, series, as }: ChartProps): uPlot.AlignedData {
  if (as === 'lines') return [[...times], ...series.map(({ values }) => [...values])];
  const sums = series.map((_, last) =>
    times.map((_, at) => series.slice(0, last + 1).reduce((sum, { values }) => sum + (values[at] ?? 0), 0)),
  );
  return [[...times], ...sums.toReversed()];
}

function optionsOf({ series, as, step, format }: ChartProps, element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const colourOf = (name: string) => resolved(element, `var(--${name})`);
  const grid = { stroke: colourOf('line'), width: 1 };
  const axis = { stroke: colourOf('quiet'), font: `11px ${style.fontFamily}`, grid, ticks: { show: false } };
  const bars = uPlot.paths.bars?.({ size: [0.82, 28], align: 1 });
  const shown = as === 'bars' ? series.toReversed() : series;
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false }, points: { size: 6 } },
    plugins: [
      tip(
        as === 'bars' ? series.length : 0,
        step,
        format,
        shown.map(({ name }) => name),
      ),
    ],
    scales: {
      // The last step to its end.
      x: { range: (_, from, to) => [from ?? 0, (to ?? 0) + (as === 'bars' ? step : 0)] },
      y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 26, values: (_, ticks) => ticks.map(tickName) },
      { ...axis, size: 52, space: 34, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...shown.map(({ name, colour }) => ({
        label: name,
        stroke: colourOf(colour),
        width: as === 'bars' ? 0 : 1.75,
        ...(as === 'bars' && bars && { fill: colourOf(colour), paths: bars, points: { show: false } }),
      })),
    ],
  };
}

/** Canvas knows no custom properties and no light-dark(): an element of that colour says what they come to. */
function resolved(element: HTMLElement, colour: string): string {
  const probe = document.createElement('span');
  probe.style.color = colour;
  element.append(probe);
  const result = getComputedStyle(probe).color;
  probe.remove();
  return result;
}

/** What stands under the pointer. `stacked`: that many bars, each drawn up to its sum with those below. */
function tip(
  stacked: number,
  step: number,
  format: (value: number) => string,
  names: string[],
): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'tip';
  box.hidden = true;
  const valueAt = (plot: uPlot, row: number, at: number): number | null => {
    const value = plot.data[row]?.[at] ?? null;
    const below = stacked > 0 ? (plot.data[row + 1]?.[at] ?? 0) : 0;
    return value === null ? null : value - below;
  };
  return {
    hooks: {
      init: (plot) => void plot.over.append(box),
      setCursor: (plot) => {
        const { idx: at, left = 0 } = plot.cursor;
        box.hidden = at == null;
        if (at == null) return;
        const lines = names.flatMap((name, index) => {
          const value = valueAt(plot, index + 1, at);
          return value === null ? [] : [`${name} ${format(value)}`];
        });
        box.textContent = [stepName(plot.data[0][at] ?? 0, step), ...lines].join('\n');
        box.classList.toggle('left', left > plot.over.clientWidth / 2);
        box.style.left = `${left}px`;
      },
    },
  };
}

const AT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

const HOUR = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A day's beginning by its date, any other time by the clock. */
function tickName(seconds: number): string {
  const at = new Date(1_000 * seconds);
  return at.getHours() === 0 && at.getMinutes() === 0 ? DAY.format(at) : HOUR.format(at);
}

const stepName = (from: number, step: number): string =>
  AT.formatRange(new Date(1_000 * from), new Date(1_000 * (from + step)));

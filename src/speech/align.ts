// Puts tokens on the time line: from where the decoder looked while it made each token, by dynamic time warping.
// The method is Whisper's (openai-whisper, timing.py: attention of chosen heads, normalised per frame over the
// tokens, median-filtered over time, averaged, warped). Pure.

/** Attention of one head: `rows` tokens by `frames`. */
type Matrix = { rows: number; frames: number; values: Float64Array };

const MEDIAN_WIDTH = 7;

/**
 * The first frame of each row, for attention rows as `Decoded` has them (one per token and one for the end; blocks of
 * `frames`, one per head). Never decreasing; the last value is where the speech ends. Empty rows give no values.
 */
export function firstFrames(attention: readonly Float32Array[], frames: number): number[] {
  if (attention.length === 0 || frames === 0) return [];
  const sum: Matrix = {
    rows: attention.length,
    frames,
    values: new Float64Array(attention.length * frames),
  };
  const heads = (attention[0]?.length ?? 0) / frames;
  for (let head = 0; head < heads; head++) {
    const one = matrixOf(attention, frames, head);
    normalisePerFrame(one);
    medianOverTime(one, MEDIAN_WIDTH);
    for (let i = 0; i < sum.values.length; i++)
      sum.values[i] = (sum.values[i] as number) + (one.values[i] as number);
  }
  return warp(sum);
}

function matrixOf(attention: readonly Float32Array[], frames: number, head: number): Matrix {
  const values = new Float64Array(attention.length * frames);
  for (const [row, weights] of attention.entries()) {
    values.set(weights.subarray(head * frames, (head + 1) * frames), row * frames);
  }
  return { rows: attention.length, frames, values };
}

/** Makes the values of every frame have mean 0 and deviation 1 over the tokens. */
function normalisePerFrame({ rows, frames, values }: Matrix): void {
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    let squares = 0;
    for (let i = frame; i < values.length; i += frames) {
      const value = values[i] as number;
      sum += value;
      squares += value * value;
    }
    const mean = sum / rows;
    const deviation = Math.sqrt(Math.max(0, squares / rows - mean * mean)) || 1;
    for (let i = frame; i < values.length; i += frames)
      values[i] = ((values[i] as number) - mean) / deviation;
  }
}

function medianOverTime({ rows, frames, values }: Matrix, width: number): void {
  const half = width >> 1;
  const near = new Float64Array(width);
  const filtered = new Float64Array(frames);
  for (let row = 0; row < rows; row++) {
    const start = row * frames;
    for (let frame = 0; frame < frames; frame++) {
      for (let k = -half; k <= half; k++) {
        const at = Math.min(frames - 1, Math.max(0, frame + k));
        near[k + half] = values[start + at] as number;
      }
      near.sort();
      filtered[frame] = near[half] as number;
    }
    values.set(filtered, start);
  }
}

const DIAGONAL = 0;
const DOWN = 1;
const RIGHT = 2;

/** Dynamic time warping through the highest values, from the first row and frame to the last of both. */
function warp({ rows, frames, values }: Matrix): number[] {
  const best = new Float64Array((rows + 1) * (frames + 1)).fill(Number.NEGATIVE_INFINITY);
  const came = new Uint8Array((rows + 1) * (frames + 1));
  const width = frames + 1;
  best[0] = 0;
  for (let row = 1; row <= rows; row++) {
    for (let frame = 1; frame <= frames; frame++) {
      const at = row * width + frame;
      const diagonal = best[at - width - 1] as number;
      const down = best[at - width] as number;
      const right = best[at - 1] as number;
      let from = diagonal;
      came[at] = DIAGONAL;
      if (down > from) {
        from = down;
        came[at] = DOWN;
      }
      if (right > from) {
        from = right;
        came[at] = RIGHT;
      }
      best[at] = from + (values[(row - 1) * frames + frame - 1] as number);
    }
  }
  const first = new Array<number>(rows).fill(0);
  let row = rows;
  let frame = frames;
  while (row > 0 && frame > 0) {
    first[row - 1] = frame - 1;
    const step = came[row * width + frame];
    if (step !== RIGHT) row -= 1;
    if (step !== DOWN) frame -= 1;
  }
  return first;
}

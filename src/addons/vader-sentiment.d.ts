// The part of vader-sentiment that is used here; the package has no types of its own.
declare module 'vader-sentiment' {
  export const SentimentIntensityAnalyzer: {
    /** `compound` from -1 to 1. */
    polarity_scores(text: string): { compound: number; pos: number; neg: number; neu: number };
  };
}

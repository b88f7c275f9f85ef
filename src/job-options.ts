// What a request chooses from by name, once for the part that checks requests and the part that does what was chosen.
// Pure.

export const SUBTITLE_FORMATS = ['srt', 'vtt'] as const;
export type SubtitleFormat = (typeof SUBTITLE_FORMATS)[number];

/**
 * `compliance` is SubRip as the Library of Congress describes it: lines end in CR LF, and a blank line ends every caption,
 * the last too. Besides, no caption of either format holds words of two sentences.
 */
export const SUBTITLE_STYLES = ['default', 'compliance'] as const;
export type SubtitleStyle = (typeof SUBTITLE_STYLES)[number];

export const SUMMARY_TYPES = ['general', 'bullet_points', 'concise'] as const;
export type SummaryType = (typeof SUMMARY_TYPES)[number];

/** As the hosted API calls them: `[NAME_1]`, or `####` letter by letter. */
export const REDACTION_STYLES = ['MARKER', 'MASK'] as const;
export type RedactionStyle = (typeof REDACTION_STYLES)[number];

/** What is done with the channels of a recording: mixed down to one, or each taken by itself. Else, as the sound tells. */
export const CHANNEL_MODES = ['mono', 'separate'] as const;
export type ChannelMode = (typeof CHANNEL_MODES)[number];

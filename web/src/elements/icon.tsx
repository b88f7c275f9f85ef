// Line icons of 16 pixels. Beside a word always, so a screen reader skips them.
const PATHS = {
  overview: 'M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5V7M13.5 13.5v-11',
  transcriptions: 'M2.5 6.5v3M5.3 4v8M8 2v12M10.7 4.7v6.6M13.5 6.5v3',
  callbacks: 'M2 9.5 6 13.5 14 3.5M2 5.5l3 0',
  endpoints:
    'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM2.4 8h11.2M8 2.2c3.2 3.4 3.2 8.2 0 11.6-3.2-3.4-3.2-8.2 0-11.6',
  inboxes: 'M2 9h3.5l1 2h3l1-2H14M2 9l2-6h8l2 6v4H2Z',
  webhooks:
    'M6 6.2a2.5 2.5 0 1 1 3.6.8l2 3.6M6.2 11.5h5.3M4.4 8.6 6.6 5M4 9.3a2.2 2.2 0 1 0 2.2 2.2M12 9.6a2.2 2.2 0 1 1-1.8 3.3',
  replays: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M11.8 1.5v2.7H9.1',
  account: 'M10.2 2.5a3.3 3.3 0 1 1-2.3 5.6L3.5 12.5v1h2v-1.6h1.6v-1.6h1',
  reference: 'M5 3 1.8 8 5 13M11 3l3.2 5L11 13M9.2 2.5 6.8 13.5',
  more: 'M3 8h.01M8 8h.01M13 8h.01',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3 14 14',
  out: 'M6 2.5H3v11h3M7 8h6.5M10.7 5.2 13.5 8l-2.8 2.8',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === 'more' ? 2.4 : 1.5}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

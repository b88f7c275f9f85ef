// A request as a command of curl for a POSIX shell. Pure.

export type Curl = {
  method: string;
  url: string;
  headers: readonly (readonly [name: string, value: string])[];
  /** Null: it is in the file that the command names. */
  body: string | null;
  file: string;
};

export function curl({ method, url, headers, body, file }: Curl): string {
  const parts = [
    `curl -X ${method} ${quoted(url)}`,
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-binary ${body === null ? `@${quoted(file)}` : quoted(body)}`,
  ];
  return parts.join(' \\\n  ');
}

/** Everything but `'` means itself between two of them. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

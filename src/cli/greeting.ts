// What a person reads on the terminal once the server runs: where it is, how they get a key, and requests that work as they
// stand. Pure.

export type Greeted = {
  url: string;
  /** Made at this start: it is never shown again. */
  createdKey: string | null;
  /** Whether keys come from RINGBACK_API_KEYS. */
  keysAreSet: boolean;
  /** What a person types in front of a command's name. */
  command: string;
  /** An audio file that is here. */
  clip: string;
};

export function greeting({ url, createdKey, keysAreSet, command, clip }: Greeted): string {
  const key = '-H "x-gladia-key: $RINGBACK_API_KEY"';
  return `
Ringback listens at ${url}

  dashboard   ${url}/
  reference   ${url}/docs
  API key     ${keyOf(createdKey, keysAreSet, command)}

Try it in another terminal:

  export RINGBACK_API_KEY=${createdKey ?? '…'}
  audio_url=$(curl -s ${url}/v2/upload ${key} -F audio=@${quoted(clip)} | cut -d '"' -f 4)
  result_url=$(curl -s ${url}/v2/pre-recorded ${key} -H 'content-type: application/json' -d "{\\"audio_url\\": \\"$audio_url\\"}" | cut -d '"' -f 8)
  curl -s "$result_url?wait=60" ${key}

`;
}

function keyOf(created: string | null, set: boolean, command: string): string {
  if (created !== null)
    return `${created}\n              shown this once; what signs your callbacks: Account in the dashboard`;
  return set
    ? 'those of RINGBACK_API_KEYS'
    : `the first start showed one; another: ${command} keys create NAME`;
}

/** For a shell: names of folders may have spaces. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

// What is asked of a webhook, as it is to be stored; and sentences about what is wrong with it. Pure.
import { type CallbackHeaders, readCallbackHeaders } from '../callback-headers.ts';
import { type MetadataConditions, metadataConditions } from '../store/metadata.ts';
import type { Json } from '../store/schema.ts';
import type { WebhookFields, WebhookRow } from '../store/webhooks.ts';
import type { JudgeUrl } from './job-request.ts';
import { tooMuch } from './metadata-query.ts';
import type { WebhookChange } from './schemas/webhook.ts';

type Target = { url: string; headers: CallbackHeaders | null };

type Asked = {
  /** As the schema has judged it: without what was null. */
  body: WebhookChange;
  /** As it came: with nulls, and its numbers to the letter. */
  sent: { readonly [field: string]: unknown };
  /** The webhook as it is; null: it is new. */
  now: Pick<WebhookRow, 'url' | 'headers'> | null;
};

export function readWebhook(
  { body, sent, now }: Asked,
  judge: JudgeUrl,
): { fields: Partial<WebhookFields>; problems: string[] } {
  const problems: string[] = [];
  const { url, headers, metadata, ...plain } = body;
  const target = readTarget({ url, headers, isCleared: sent.headers === null, now }, judge, problems);
  // Its numbers to the letter, as those of jobs are kept.
  const given = metadata === undefined ? undefined : (sent.metadata as Record<string, Json>);
  const conditions = given && readMetadata(given, problems);
  const filter = given && conditions && Object.keys(given).length > 0 ? { given, conditions } : null;
  return {
    fields: {
      ...plain,
      ...target,
      ...((given !== undefined || sent.metadata === null) && { metadata: filter }),
    },
    problems,
  };
}

type Wanted = {
  url: string | undefined;
  headers: WebhookChange['headers'];
  isCleared: boolean;
  now: Asked['now'];
};

/** Headers belong to the origin they were given for: a URL elsewhere leaves them behind. */
function readTarget(
  { url, headers, isCleared, now }: Wanted,
  judge: JudgeUrl,
  problems: string[],
): Partial<Target> {
  const given = url ?? now?.url;
  if (given === undefined || (url === undefined && headers === undefined && !isCleared)) return {};
  const read = readCallbackHeaders({ url: given, headers }, { field: 'url', inside: 'headers' });
  const trouble = judge(read.url);
  if (trouble !== null) problems.push(`url must be a URL address: ${trouble}`);
  problems.push(...read.problems);
  if (trouble !== null || read.problems.length > 0) return {};
  const isKept =
    headers === undefined &&
    !isCleared &&
    read.headers === null &&
    now?.headers?.origin === new URL(read.url).origin;
  return { url: read.url, headers: isKept ? now.headers : read.headers };
}

function readMetadata(given: Record<string, Json>, problems: string[]): MetadataConditions | null {
  const trouble = tooMuch('metadata', given);
  problems.push(...trouble);
  if (trouble.length > 0) return null;
  const conditions = metadataConditions(given);
  if (conditions === null)
    problems.push('metadata must ask for less at once: a list in it has elements with too many values');
  return conditions;
}

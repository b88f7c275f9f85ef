// How an endpoint is, and until when it holds back what is due there: the one place that says so, for lists, filters, and
// the callbacks that wait. SQL, over a row of `endpoint` and its row of `host`.
import { sql } from 'kysely';
import type { EndpointHealthWord } from '../delivery.ts';

/** One word of ENDPOINT_HEALTHS: the first that fits, from what holds longest. */
export const healthWord = sql<EndpointHealthWord>`CASE
  WHEN endpoint.disabled_at IS NOT NULL THEN 'disabled'
  WHEN endpoint.breaker <> 'closed' OR host.breaker <> 'closed' THEN 'resting'
  WHEN endpoint.paused_until > now() THEN 'paused'
  WHEN endpoint.failures > 0 THEN 'failing'
  ELSE 'healthy' END`;

const endpointRests = sql`CASE endpoint.breaker WHEN 'open' THEN endpoint.open_until END`;
const hostRests = sql`CASE host.breaker WHEN 'open' THEN host.open_until END`;

/** When something that is due at `due` may be sent at the earliest; null: not before somebody enables the endpoint. */
export const notBefore = (
  due: ReturnType<typeof sql>,
) => sql<Date | null>`CASE WHEN endpoint.disabled_at IS NULL
  THEN greatest(${due}, ${endpointRests}, ${hostRests}, endpoint.paused_until) END`;

const written = (time: ReturnType<typeof sql>) =>
  sql`to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;

/** Why what is due at `due` is not being sent, and until when; null when nothing but its own time keeps it. */
export const whyNot = (due: ReturnType<typeof sql>) => sql<string | null>`CASE
  WHEN endpoint.removed_at IS NOT NULL THEN 'its endpoint was removed'
  WHEN endpoint.disabled_at IS NOT NULL THEN 'its endpoint is disabled: ' || endpoint.disabled_reason
  WHEN ${endpointRests} > greatest(${due}, now())
    THEN 'its endpoint failed ' || endpoint.failures || ' times in a row: nothing is sent there until ' || ${written(sql`endpoint.open_until`)}
  WHEN endpoint.breaker <> 'closed' AND ${due} <= now()
    THEN 'its endpoint failed ' || endpoint.failures || ' times in a row: one callback is tried there now, and this one waits for its answer'
  WHEN ${hostRests} > greatest(${due}, now())
    THEN 'its host gave no answer ' || host.silent || ' times in a row: nothing is sent there until ' || ${written(sql`host.open_until`)}
  WHEN host.breaker <> 'closed' AND ${due} <= now()
    THEN 'its host gave no answer ' || host.silent || ' times in a row: one callback is tried there now, and this one waits for its answer'
  WHEN endpoint.paused_until > greatest(${due}, now())
    THEN 'its endpoint asked for patience (Retry-After): nothing is sent there until ' || ${written(sql`endpoint.paused_until`)}
  END`;

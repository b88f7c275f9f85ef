// Hosts: what the endpoints of an account that share scheme, name and port have in common. A receiver that takes an id in
// its path makes an endpoint of every callback; what it does when it hangs is then told by its host.
//
// `next_due` of a host is never later than that of any of its endpoints that nobody holds, so that who looks for work
// looks at hosts first and passes by one that rests, however many endpoints it has. The triggers keep it so; it is raised
// by settleHosts alone.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE host (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     origin text NOT NULL,
     next_due timestamptz,
     breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
     silent integer NOT NULL DEFAULT 0,
     trips integer NOT NULL DEFAULT 0,
     open_until timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     UNIQUE (account_id, origin),
     CONSTRAINT host_open_has_end CHECK (breaker <> 'open' OR open_until IS NOT NULL)
   )`,
  `CREATE INDEX host_of_account ON host (account_id, created_at DESC, id DESC)`,
  `CREATE INDEX host_due ON host (next_due) WHERE next_due IS NOT NULL`,

  `CREATE FUNCTION origin_of(url text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
     RETURN substring(url FROM '^[a-z]+://[^/]+')`,

  `INSERT INTO host (account_id, origin, next_due)
     SELECT account_id, origin_of(url), min(next_due) FROM endpoint GROUP BY account_id, origin_of(url)`,
  `ALTER TABLE endpoint ADD host_id uuid REFERENCES host`,
  `UPDATE endpoint SET host_id = host.id FROM host
     WHERE host.account_id = endpoint.account_id AND host.origin = origin_of(endpoint.url)`,
  `ALTER TABLE endpoint ALTER host_id SET NOT NULL`,

  `DROP INDEX endpoint_due`,
  `CREATE INDEX endpoint_of_host ON endpoint (host_id)`,
  `CREATE INDEX endpoint_due_of_host ON endpoint (host_id, next_due) WHERE next_due IS NOT NULL AND leased_until IS NULL`,
  `CREATE INDEX endpoint_leased ON endpoint (leased_until) WHERE leased_until IS NOT NULL`,

  `CREATE FUNCTION endpoint_finds_host() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     SELECT id INTO NEW.host_id FROM host WHERE account_id = NEW.account_id AND origin = origin_of(NEW.url);
     IF NEW.host_id IS NULL THEN
       INSERT INTO host (account_id, origin) VALUES (NEW.account_id, origin_of(NEW.url)) ON CONFLICT DO NOTHING;
       SELECT id INTO NEW.host_id FROM host WHERE account_id = NEW.account_id AND origin = origin_of(NEW.url);
     END IF;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER endpoint_finds_host BEFORE INSERT ON endpoint FOR EACH ROW
     WHEN (NEW.host_id IS NULL) EXECUTE FUNCTION endpoint_finds_host()`,

  // A host that is due already is locked and left alone: many endpoints come due at a time, and a write each would wait for
  // one another's commits. The lock keeps settleHosts from raising it before this transaction can be seen.
  `CREATE FUNCTION endpoint_lowers_host() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     PERFORM FROM host WHERE id = NEW.host_id AND next_due <= greatest(NEW.next_due, open_until) FOR KEY SHARE;
     IF NOT FOUND THEN
       UPDATE host SET next_due = least(next_due, greatest(NEW.next_due, open_until)) WHERE id = NEW.host_id;
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER endpoint_lowers_host AFTER INSERT OR UPDATE OF next_due, leased_until ON endpoint FOR EACH ROW
     WHEN (NEW.next_due IS NOT NULL AND NEW.leased_until IS NULL) EXECUTE FUNCTION endpoint_lowers_host()`,
] as const;

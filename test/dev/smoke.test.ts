import { expect, it } from 'vitest'
import { smoke } from '../../dev/smoke.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'

const databaseUrl = await createTestDatabase()
const app = await createTestApp(databaseUrl)
const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
const worker = await startTestWorker(app, databaseUrl)

it('npm run smoke passes on a running installation and cleans up', async () => {
  const lines: string[] = []
  await smoke({ url, token: await app.token('admin'), log: (line) => lines.push(line) })
  expect(lines.join('\n')).toMatch(/applied \d+ ms after its due time\nthe flag is as scheduled\narchived the flag/)
  expect(await one(app.db, 'SELECT count(*) AS count FROM feature_flags WHERE archived_at IS NULL')).toEqual({
    count: 0,
  })
})

it('npm run smoke fails when a change is not made, and cleans up', async () => {
  await app.db.pool.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.enabled THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER refuse BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  await expect(smoke({ url, token: await app.token('admin') })).rejects.toThrow('ended as failed: no')
  await expect(smoke({ url, token: await app.token('viewer') })).rejects.toThrow('403')
  expect(await one(app.db, 'SELECT count(*) AS count FROM feature_flags WHERE archived_at IS NULL')).toEqual({
    count: 0,
  })
  await worker.stop()
})

import pg from 'pg'

// A build from before accounts moved, frozen: plain SQL in the legacy store, no epochs, no versions, no registration.
const client = new pg.Client({ connectionString: process.argv[2] as string, application_name: 'notes-api 1.4.2' })
client.on('error', () => {})
await client.connect()
process.on('message', async ({ accountId, id, body }: { accountId: string; id: string; body: string }) => {
  try {
    const { rowCount } = await client.query(
      `INSERT INTO notes (account_id, id, title, body) VALUES ($1, $2, 'Old', $3)
       ON CONFLICT (account_id, id) DO UPDATE SET body = excluded.body`,
      [accountId, id, body],
    )
    process.send?.({ id, written: rowCount === 1 })
  } catch (error) {
    process.send?.({ id, written: false, error: (error as Error).message })
  }
})
process.send?.({ ready: true })

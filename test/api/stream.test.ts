import { expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'

const url = await createTestDatabase()
const [here, there] = [await createTestApp(url), await createTestApp(url)]
const address = await here.app.listen({ port: 0, host: '127.0.0.1' })

interface Message {
  id?: number
  event: string
  data: { id?: number; type?: string; flagKey?: string }
}

/** Reads messages until one is `last`. */
async function readUntil(
  last: (message: Message) => boolean,
  begun: () => unknown,
  since?: number,
): Promise<Message[]> {
  const stopping = new AbortController()
  const headers: Record<string, string> = { authorization: `Bearer ${await here.token('viewer')}` }
  if (since !== undefined) headers['last-event-id'] = String(since)
  const answer = await fetch(`${address}/api/admin/stream`, { headers, signal: stopping.signal })
  expect(answer.headers.get('content-type')).toContain('text/event-stream')
  const messages: Message[] = []
  let rest = ''
  for await (const chunk of (answer.body as ReadableStream).pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
      const id = field('id')
      const message = { event: field('event') ?? '', data: JSON.parse(field('data') ?? '{}'), ...(id && { id: +id }) }
      messages.push(message)
      if (message.event === 'hello') void begun()
      if (!last(message)) continue
      stopping.abort()
      return messages
    }
  }
  throw new Error('The stream ended.')
}

const about = (flagKey: string) => (message: Message) => message.data.flagKey === flagKey

it('tells what another process commits, and again from the id that was come to', async () => {
  const messages = await readUntil(about('second'), async () => {
    await there.call('POST', 'flags', { key: 'first' })
    await there.call('POST', 'flags', { key: 'second' })
  })
  const told = messages.filter(({ event }) => event === 'change')
  expect(told.map(({ data }) => data.flagKey)).toEqual(['first', 'second'])
  const first = told[0]?.data.id as number
  const again = await readUntil(
    ({ event }) => event === 'hello',
    () => {},
    first,
  )
  expect(again.filter(({ event }) => event === 'change').map(({ data }) => data.flagKey)).toEqual(['second'])
})

it('tells an event whose transaction commits after those of higher ids, and moves nobody past it', async () => {
  const slow = await here.db.pool.connect()
  const insert = `INSERT INTO events (type, environment, flag_key, actor, door, data) VALUES ('flag-updated', 'production', $1, 'a', 'http', '{}')`
  const commitAfterFast = (message: Message) => {
    if (about('fast')(message)) void slow.query('COMMIT').then(() => slow.release())
    return about('slow')(message)
  }
  const messages = await readUntil(commitAfterFast, async () => {
    await slow.query('BEGIN')
    await slow.query(insert, ['slow'])
    await one(here.db, insert, ['fast'])
  })
  const [fast, late] = ['fast', 'slow'].map((key) => messages.find(about(key)))
  expect(late?.data.id).toBeLessThan(fast?.data.id as number)
  expect(fast?.id).toBeLessThan(late?.data.id as number)
  expect(late?.id).toBeGreaterThanOrEqual(fast?.data.id as number)
})

it('ends when the server stops, so that the server can', async () => {
  const another = await createTestApp(url)
  const own = await another.app.listen({ port: 0, host: '127.0.0.1' })
  const headers = { authorization: `Bearer ${await another.token('admin')}` }
  const answer = await fetch(`${own}/api/admin/stream`, { headers })
  const text = answer.text()
  await another.app.close()
  expect(await text).toContain('event: hello')
})

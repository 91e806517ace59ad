interface Flag {
  key: string
  description: string
  enabled: boolean
  rolloutPercentage: number
}

interface Change {
  flag: string
  afterSeconds: number
  updates: { enabled?: boolean; rolloutPercentage?: number }
  comment: string
}

const FLAGS: Flag[] = [
  { key: 'new-checkout', description: 'Checkout in one page', enabled: false, rolloutPercentage: 10 },
  { key: 'dark-mode', description: 'Dark colours in the account pages', enabled: true, rolloutPercentage: 100 },
  { key: 'search-v2', description: 'Search on the new index', enabled: false, rolloutPercentage: 0 },
  { key: 'holiday-banner', description: 'Opening hours over the holidays', enabled: false, rolloutPercentage: 100 },
]

const DAY = 24 * 60 * 60

const CHANGES: Change[] = [
  { flag: 'new-checkout', afterSeconds: 20, updates: { enabled: true }, comment: 'On for the first tenth' },
  { flag: 'search-v2', afterSeconds: 60, updates: { enabled: true, rolloutPercentage: 5 }, comment: 'Canary' },
  { flag: 'new-checkout', afterSeconds: DAY, updates: { rolloutPercentage: 100 }, comment: 'Everybody' },
  { flag: 'holiday-banner', afterSeconds: DAY, updates: { enabled: true }, comment: 'Holidays begin' },
]

/** How to reach the API. */
export interface DemoOptions {
  /** base URL, e.g. `http://127.0.0.1:3000` */
  url: string
  /** a token with the role `admin` */
  token: string
}

/**
 * Makes a few flags with life in them through the HTTP API: changes due in 20 s, in a minute and tomorrow. Flags that
 * exist already are left alone, with their schedules, so a second call changes nothing.
 * @returns the keys of the flags that were made
 * @throws when the API answers anything else than 201, or 409 for a flag
 */
export async function loadDemo({ url, token }: DemoOptions): Promise<string[]> {
  const made: string[] = []
  const now = Date.now()
  for (const flag of FLAGS) {
    const answer = await post(`${url}/api/admin/flags`, token, flag)
    if (answer.status === 409) continue
    await expectCreated(answer, `the flag ${flag.key}`)
    made.push(flag.key)
    for (const { afterSeconds, updates, comment } of CHANGES.filter((change) => change.flag === flag.key)) {
      const scheduledAt = new Date(now + afterSeconds * 1_000).toISOString()
      const change = await post(`${url}/api/admin/flags/${flag.key}/schedule`, token, { scheduledAt, updates, comment })
      await expectCreated(change, `a schedule of ${flag.key}`)
    }
  }
  return made
}

function post(url: string, token: string, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
}

async function expectCreated(answer: Response, what: string): Promise<void> {
  if (answer.status === 201) return
  throw new Error(`The demo could not make ${what}: HTTP ${answer.status} ${(await answer.text()).slice(0, 500)}`)
}

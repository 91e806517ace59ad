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
 * Makes a few flags with life in them through the HTTP API: changes due in 20 s, in a minute and tomorrow. A flag that
 * exists gets the changes that it lacks when it is one of the demo's, since an earlier call may have been interrupted;
 * other flags are left alone.
 * @returns the keys of the flags that were made
 * @throws when the API answers with an error, other than 409 for a flag
 */
export async function loadDemo(api: DemoOptions): Promise<string[]> {
  const made: string[] = []
  const now = Date.now()
  for (const flag of FLAGS) {
    const answer = await send(api, 'POST', 'flags', flag)
    const there = answer.status === 409 ? await commentsOn(api, flag) : []
    if (!there) continue
    if (answer.status !== 409) {
      await expectOk(answer, `make the flag ${flag.key}`)
      made.push(flag.key)
    }
    for (const { afterSeconds, updates, comment } of CHANGES.filter((change) => change.flag === flag.key)) {
      if (there.includes(comment)) continue
      const scheduledAt = new Date(now + afterSeconds * 1_000).toISOString()
      const change = await send(api, 'POST', `flags/${flag.key}/schedule`, { scheduledAt, updates, comment })
      await expectOk(change, `make a schedule of ${flag.key}`)
    }
  }
  return made
}

/** The comments of a flag's schedules, whatever became of them; undefined when the flag is archived, or not the demo's. */
async function commentsOn(api: DemoOptions, { key, description }: Flag): Promise<string[] | undefined> {
  const flag = await callApi(api, 'GET', `flags/${key}`)
  if (flag.archivedAt !== null || flag.description !== description) return undefined
  const schedules: { comment: string }[] = await callApi(api, 'GET', `flags/${key}/schedule?limit=200`)
  return schedules.map(({ comment }) => comment)
}

/**
 * Calls the API below `/api/admin/`.
 * @returns the JSON of its answer
 * @throws when that is an error
 */
// biome-ignore lint/suspicious/noExplicitAny: callers say what they asked for
export async function callApi(api: DemoOptions, method: string, path: string, body?: object): Promise<any> {
  const answer = await send(api, method, path, body)
  await expectOk(answer, `${method} ${path}`)
  return await answer.json().catch((error) => {
    throw new Error(`The demo could not ${method} ${path}: ${error.message}`)
  })
}

function send({ url, token }: DemoOptions, method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${url}/api/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
}

async function expectOk(answer: Response, what: string): Promise<void> {
  if (answer.ok) return
  throw new Error(`The demo could not ${what}: HTTP ${answer.status} ${(await answer.text()).slice(0, 500)}`)
}

import { createHmac } from 'node:crypto'
import { expect } from 'vitest'
import type { Gameplan } from '../../domain/gameplan/resource.ts'
import { advanceGameplan } from '../../store/gameplan-advance.ts'
import type { Answer, TestApp } from './app.ts'

/**
 * A small gameplan of its own flag: 1 introduces it, 2 and 3 are independent, 4 activates it after both. `graph` replaces its
 * lines, `more` is added to its end.
 */
export function documentOf({
  flag = `ENABLE_${crypto.randomUUID().slice(0, 8)}`,
  title = 'small',
  graph = ['1 [INFRA] -> []', '2 [GATED] -> [1]', '3 [GATED] -> [1]', '4 [BEHAVIOR] -> [2, 3]'],
  introduced = '1',
  activated = '4',
  criteria = [] as string[],
  questions = [] as string[],
}: {
  flag?: string | null
  title?: string
  graph?: string[]
  introduced?: string
  activated?: string
  criteria?: string[]
  questions?: string[]
} = {}): string {
  return [
    `# Gameplan: ${title}`,
    '## Mergability Strategy',
    '### Feature Flagging Strategy',
    ...(flag
      ? [`- Flag Name: ${flag}`, `- Introduced: Patch ${introduced}`, `- Activated: Patch ${activated}`]
      : ['No flag is needed: nothing that users see changes.']),
    '## Acceptance Criteria',
    ...criteria.map((text) => `- [ ] ${text}`),
    '## Open Questions',
    ...questions.map((text) => `- [ ] ${text}`),
    '## Patches',
    ...graph.map((line) => `### Patch ${line.split(' -> ')[0]}: Change ${line.split(' ')[0]}`),
    '## Dependency Graph',
    ...graph.map((line) => `- Patch ${line}`),
    '',
  ].join('\n')
}

/** A gameplan over HTTP, started as `activation` says, or left a draft for null. */
export async function makeGameplan(
  { call, db }: TestApp,
  {
    environment = 'production',
    activation = {},
    ...document
  }: Parameters<typeof documentOf>[0] & {
    environment?: string
    activation?: object | null
  } = {},
) {
  const flag = document.flag === undefined ? `ENABLE_${crypto.randomUUID().slice(0, 8)}` : document.flag
  const markdown = documentOf({ ...document, flag })
  const good = ({ status, body }: Answer): Gameplan => {
    expect(status, JSON.stringify(body)).toBeLessThan(300)
    return body
  }
  const made = good(await call('POST', `gameplans?environment=${environment}`, { markdown }))
  const self = `gameplans/${made.id}`
  const start = Object.keys(activation ?? {}).length > 0 ? { activation } : undefined
  if (activation) good(await call('POST', `${self}/start`, start))
  const patch = (id: string, verb: string) => call('POST', `${self}/patches/${id}/${verb}`)
  return {
    id: made.id,
    self,
    flagKey: flag as string,
    markdown,
    document: { ...document, flag },
    read: async () => good(await call('GET', self)),
    flag: async () => (await call('GET', `flags/${flag}?environment=${environment}`)).body,
    patch,
    merge: async (...ids: string[]) => {
      for (const id of ids) good(await patch(id, 'merged'))
    },
    revert: async (id: string) => good(await patch(id, 'reverted')),
    post: (verb: string, body?: object) => call('POST', `${self}/${verb}`, body),
    revise: (changes: Parameters<typeof documentOf>[0], headers = {}) =>
      call('PUT', self, { markdown: documentOf({ ...document, flag, ...changes }) }, headers),
    /** Does what its workflow does, as often as there is something to do. Returns how often that was. */
    tick: async () => {
      let done = 0
      while (await advanceGameplan(db, made.id)) done++
      return done
    },
    /** Types of its events, the oldest first. */
    events: async () =>
      (await call('GET', `events?environment=${environment}&limit=200`)).body
        .filter(({ data }: { data: { gameplanId?: string } }) => data.gameplanId === made.id)
        .map(({ type }: { type: string }) => type)
        .toReversed(),
  }
}

/** GitHub, as far as it tells of pull requests of acme/shop. */
export function pullRequest({ call }: TestApp, secret: string) {
  const deliver = async (
    body: object,
    {
      event = 'pull_request',
      delivery = crypto.randomUUID() as string,
      signature,
    }: { event?: string; delivery?: string; signature?: string | null } = {},
  ) => {
    const text = JSON.stringify(body)
    const signed =
      signature === undefined ? `sha256=${createHmac('sha256', secret).update(text).digest('hex')}` : signature
    return await call('POST', '/api/webhooks/github', text, {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': delivery,
      ...(signed !== null && { 'x-hub-signature-256': signed }),
    })
  }
  return {
    deliver,
    merge: (
      number: number,
      body: string | null,
      { merged = true, ...delivery }: Parameters<typeof deliver>[1] & { merged?: boolean } = {},
    ) =>
      deliver(
        {
          action: 'closed',
          pull_request: { number, merged, body, merged_by: { login: 'olivia', id: 1 } },
          repository: { full_name: 'acme/shop', private: true },
        },
        delivery,
      ),
  }
}

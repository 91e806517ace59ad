import { callApi, type DemoOptions } from './demo.ts'

const FLAG = { key: 'recommendations', description: 'What others have watched', enabled: true }

const rollout = (percentage: number) => ({
  name: 'flexibleRollout',
  parameters: { rollout: percentage, stickiness: 'userId', groupId: '{{flagKey}}' },
})

const TEMPLATE = {
  name: 'Demo: careful',
  description: 'A tenth for half a minute, half until somebody approves, then everybody',
  milestones: [
    { name: 'a tenth', progression: { afterSeconds: 30 }, strategies: [rollout(10)] },
    { name: 'half', progression: { approval: true }, strategies: [rollout(50)] },
    { name: 'everybody', strategies: [{ name: 'default' }] },
  ],
}

/**
 * Makes a flag whose release plan has begun: it goes on by itself in half a minute, and then waits for an approval. What an
 * interrupted call left out is made; a flag of that name that is not the demo's is left alone.
 * @returns the flag's key; undefined when nothing was to be done
 * @throws when the API answers with an error
 */
export async function loadDemoPlan(api: DemoOptions): Promise<string | undefined> {
  const flags: { key: string; description: string }[] = await callApi(api, 'GET', 'flags?limit=200')
  const flag = flags.find(({ key }) => key === FLAG.key)
  if (flag && flag.description !== FLAG.description) return undefined
  if (!flag) await callApi(api, 'POST', 'flags', FLAG)
  const path = `flags/${FLAG.key}/release-plans`
  const [plan = await callApi(api, 'POST', path, { templateId: await templateId(api) })] = await callApi(
    api,
    'GET',
    path,
  )
  if (plan.status !== 'draft') return undefined
  await callApi(api, 'POST', `${path}/${plan.id}/milestones/${plan.milestones[0].id}/start`)
  return FLAG.key
}

async function templateId(api: DemoOptions): Promise<string> {
  const templates: { id: string; name: string }[] = await callApi(api, 'GET', 'release-plan-templates?limit=200')
  const made = templates.find(({ name }) => name === TEMPLATE.name)
  return (made ?? (await callApi(api, 'POST', 'release-plan-templates', TEMPLATE))).id
}

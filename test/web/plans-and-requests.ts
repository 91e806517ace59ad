import { expect } from 'vitest'
import { rollout } from '../helpers/release-plans.ts'
import type { WebApp } from './browser.ts'

const DAY = 86_400

async function post({ call }: Pick<WebApp, 'call'>, path: string, body?: unknown) {
  const answer = await call('POST', path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}

/** A plan of a flag of its own, made from a template, at its first milestone: it waits for an approval. */
export async function makeWaitingPlan(app: Pick<WebApp, 'call'>, flagKey: string): Promise<{ id: string }> {
  await post(app, 'flags', { key: flagKey, enabled: true })
  const template = await post(app, 'release-plan-templates', {
    name: `Careful, of ${flagKey}`,
    milestones: [
      { name: 'A tenth', strategies: [rollout(10)], progression: { approval: true } },
      { name: 'Half', strategies: [rollout(50, { title: 'Half of all' })], progression: { afterSeconds: DAY } },
      { name: 'Three quarters', strategies: [rollout(75)], progression: { afterSeconds: DAY, approval: true } },
      { name: 'Everybody', strategies: [{ name: 'default' }] },
    ],
  })
  const plan = await post(app, `flags/${flagKey}/release-plans`, { templateId: template.id })
  await post(app, `flags/${flagKey}/release-plans/${plan.id}/milestones/${plan.milestones[0].id}/start`)
  return plan
}

/** A change request in production, in review, that makes a flag's rollout whole. */
export async function makeRequest(app: Pick<WebApp, 'call'>, flagKey: string): Promise<{ id: string }> {
  const base = 'environments/production/change-requests'
  const { id } = await post(app, base, { title: `${flagKey} for everybody`, description: 'As agreed on Monday' })
  await post(app, `${base}/${id}/changes`, { action: 'updateFlag', flagKey, payload: { rolloutPercentage: 100 } })
  return await post(app, `${base}/${id}/submit`)
}

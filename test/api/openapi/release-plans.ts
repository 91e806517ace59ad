import type { Visit } from './visit.ts'

/** Templates, and a plan of the flag `read`. */
export async function visitReleasePlans(visit: Visit): Promise<void> {
  const flags = '/api/admin/flags'
  const flag = `${flags}/{flagKey}`
  const environments = '/api/admin/environments'
  const settings = `${environments}/{environment}`
  const templates = '/api/admin/release-plan-templates'
  const template = `${templates}/{templateId}`
  const milestones = ['one', 'two'].map((name) => ({
    name,
    strategies: [{ name: 'flexibleRollout', parameters: { rollout: '5', groupId: '{{flagKey}}' } }],
    progression: { afterSeconds: 3600, approval: true },
  }))
  const templated = await visit('POST', templates, templates, 201, { name: 'steps', milestones })
  await visit('POST', templates, templates, 409, { name: 'steps', milestones })
  await visit('POST', templates, templates, 400, { name: 'steps', milestones: [] })
  await visit('GET', templates, templates, 200)
  const thisTemplate = `${templates}/${templated.body.id}`
  await visit('GET', template, thisTemplate, 200)
  await visit('GET', template, `${templates}/${'0'.repeat(26)}`, 404)
  await visit('PUT', template, thisTemplate, 200, { name: 'steps', milestones })
  await visit('PUT', template, thisTemplate, 412, { name: 'steps', milestones }, { 'if-match': '"1"' })
  const plans = `${flag}/release-plans`
  const plan = `${plans}/{planId}`
  const planned = await visit('POST', plans, `${flags}/read/release-plans`, 201, { templateId: templated.body.id })
  await visit('POST', plans, `${flags}/read/release-plans`, 409, { templateId: templated.body.id })
  await visit('POST', plans, `${flags}/read/release-plans`, 400, { name: 'x' })
  await visit('DELETE', template, thisTemplate, 200)
  await visit('GET', plans, `${flags}/read/release-plans`, 200)
  await visit('GET', '/api/admin/release-plans', '/api/admin/release-plans?status=draft', 200)
  const itsPlan = `${flags}/read/release-plans/${planned.body.id}`
  await visit('POST', `${plan}/pause`, `${itsPlan}/pause`, 409)
  const milestone = `${plan}/milestones/{milestoneId}`
  const itsFirst = `${itsPlan}/milestones/${planned.body.milestones[0].id}`
  await visit('POST', `${milestone}/start`, `${itsFirst}/start`, 200)
  await visit('POST', `${milestone}/start`, `${itsFirst}/start`, 200, { enable: true })
  await visit('POST', `${milestone}/approve`, `${itsFirst}/approve`, 200)
  await visit('PATCH', milestone, itsFirst, 200, { progression: null })
  await visit('POST', `${milestone}/approve`, `${itsFirst}/approve`, 409)
  await visit('POST', `${plan}/pause`, `${itsPlan}/pause?reason=lunch`, 200)
  await visit('POST', `${plan}/resume`, `${itsPlan}/resume`, 200)
  await visit('GET', plan, itsPlan, 200)
  const itsNew = await visit('POST', `${milestone}/strategies`, `${itsFirst}/strategies`, 201, { name: 'default' })
  const milestoneStrategy = `${plan}/milestone-strategies/{strategyId}`
  const itsStrategy = `${itsPlan}/milestone-strategies/${itsNew.body.id}`
  await visit('GET', milestoneStrategy, itsStrategy, 200)
  await visit('PUT', milestoneStrategy, itsStrategy, 200, { name: 'default' })
  await visit('PATCH', milestoneStrategy, itsStrategy, 200, { title: 'x' })
  await visit('PATCH', milestoneStrategy, itsStrategy, 412, { title: 'x' }, { 'if-match': '"0"' })
  await visit('DELETE', milestoneStrategy, itsStrategy, 200)
  await visit('GET', milestoneStrategy, itsStrategy, 404)
  const safeguard = { metric: 'errors', operator: '>', threshold: 1, action: 'rollback' }
  const guarded = await visit('POST', `${plan}/safeguards`, `${itsPlan}/safeguards`, 201, safeguard)
  await visit('POST', `${plan}/safeguards`, `${itsPlan}/safeguards`, 400, { ...safeguard, operator: '=' })
  const metrics = `${settings}/metrics`
  await visit('POST', metrics, `${environments}/production/metrics`, 200, [{ metric: 'errors', value: 2 }])
  await visit('POST', metrics, `${environments}/production/metrics`, 400, [{ metric: 'errors' }])
  await visit('GET', `${plan}/safeguards`, `${itsPlan}/safeguards`, 200)
  const itsSafeguard = `${itsPlan}/safeguards/${guarded.body.id}`
  await visit('DELETE', `${plan}/safeguards/{safeguardId}`, itsSafeguard, 200)
  await visit('DELETE', `${plan}/safeguards/{safeguardId}`, itsSafeguard, 404)
  await visit('DELETE', plan, `${itsPlan}?keepStrategies=true`, 200)
  await visit('GET', plan, itsPlan, 404)
}

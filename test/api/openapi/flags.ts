import type { Visit } from './visit.ts'

/** Flags, with their strategies, and what they share: segments and environments. Leaves a flag `a`. */
export async function visitFlags(visit: Visit): Promise<void> {
  const flags = '/api/admin/flags'
  const flag = `${flags}/{flagKey}`
  await visit('POST', flags, flags, 201, { key: 'a' })
  await visit('POST', flags, flags, 409, { key: 'a' })
  await visit('POST', flags, flags, 400, { key: '?' })
  await visit('POST', flags, flags, 401, { key: 'b' }, { authorization: '' })
  await visit('GET', flags, flags, 200)
  await visit('GET', flag, `${flags}/a`, 200)
  await visit('GET', flag, `${flags}/b`, 404)
  await visit('PATCH', flag, `${flags}/a`, 200, { enabled: true })
  await visit('PATCH', flag, `${flags}/a`, 412, { enabled: false }, { 'if-match': '"0"' })

  const strategies = `${flag}/strategies`
  const strategy = `${strategies}/{strategyId}`
  const added = await visit('POST', strategies, `${flags}/a/strategies`, 201, { name: 'default' })
  await visit('POST', strategies, `${flags}/a/strategies`, 400, { name: '?' })
  await visit('POST', strategies, `${flags}/a/strategies`, 422, { name: 'default', segments: ['nobody'] })
  await visit('GET', strategies, `${flags}/a/strategies`, 200)
  await visit('POST', `${strategies}/reorder`, `${flags}/a/strategies/reorder`, 200, { ids: [added.body.id] })
  await visit('POST', `${strategies}/reorder`, `${flags}/a/strategies/reorder`, 422, { ids: [] })
  const added1 = `${flags}/a/strategies/${added.body.id}`
  const constraint = { contextName: 'age', operator: 'NUM_GT', value: '17' }
  const variants = [{ name: 'v', weight: 1, payload: { type: 'number', value: '1' } }]
  await visit('GET', strategy, added1, 200)
  await visit('PATCH', strategy, added1, 200, { constraints: [constraint], variants })
  await visit('PUT', strategy, added1, 200, { name: 'flexibleRollout', parameters: { rollout: 5 } })
  await visit('PUT', strategy, added1, 412, { name: 'default' }, { 'if-match': '"0"' })
  await visit('DELETE', strategy, added1, 200)
  await visit('DELETE', strategy, added1, 404)
  await visit('PATCH', flag, `${flags}/a`, 200, { variants: [{ ...variants[0], overrides: [] }] })
  await visit('PATCH', flag, `${flags}/a`, 422, { dependencies: [{ flagKey: 'a' }] })
  const segments = '/api/admin/segments'
  await visit('POST', segments, segments, 201, { key: 's', constraints: [constraint] })
  await visit('POST', segments, segments, 409, { key: 's' })
  await visit('GET', segments, segments, 200)
  await visit('GET', `${segments}/{segmentKey}`, `${segments}/s`, 200)
  await visit('PATCH', `${segments}/{segmentKey}`, `${segments}/s`, 200, { description: 'x' })
  await visit('DELETE', `${segments}/{segmentKey}`, `${segments}/s`, 200)
  await visit('DELETE', `${segments}/{segmentKey}`, `${segments}/s`, 404)
  const environments = '/api/admin/environments'
  const settings = `${environments}/{environment}`
  const drift = `${settings}/release-plan-drift`
  await visit('GET', environments, environments, 200)
  await visit('GET', settings, `${environments}/production`, 200)
  await visit('PATCH', settings, `${environments}/production`, 200, { selfApproval: true })
  await visit('PATCH', settings, `${environments}/production`, 412, { selfApproval: true }, { 'if-match': '"9"' })
  await visit('GET', drift, `${environments}/production/release-plan-drift`, 200)
  await visit('POST', `${drift}/repair`, `${environments}/production/release-plan-drift/repair`, 200, {
    from: 'runtime',
  })
}

import { documentOf } from '../../helpers/gameplans.ts'
import type { Visit } from './visit.ts'

export async function visitGameplans(visit: Visit): Promise<void> {
  const gameplans = '/api/admin/gameplans'
  const gameplan = `${gameplans}/{id}`
  const markdown = documentOf({ criteria: ['it works'], questions: ['Who?'] })
  const { body: made } = await visit('POST', gameplans, gameplans, 201, { markdown })
  const self = `${gameplans}/${made.id}`
  await visit('POST', gameplans, gameplans, 422, { markdown: 'Nothing' })
  await visit('POST', gameplans, gameplans, 400, {})
  await visit('POST', `${gameplans}/lint`, `${gameplans}/lint`, 200, { markdown: 'Nothing' })
  await visit('GET', gameplans, gameplans, 200)
  await visit('GET', gameplan, self, 200)
  await visit('GET', gameplan, `${gameplans}/01KAJ3Q8X4M9T2V6W8Y0ZB1C2D`, 404)
  await visit('GET', `${gameplan}/lint`, `${self}/lint`, 200)
  for (const format of ['json', 'mermaid', 'svg']) {
    await visit('GET', `${gameplan}/graph`, `${self}/graph?format=${format}`, 200)
  }
  const schedule = { activation: { how: 'schedule', afterSeconds: 60 } }
  await visit('POST', `${gameplan}/start`, `${self}/start`, 200, schedule)
  await visit('POST', `${gameplan}/start`, `${self}/start`, 409)
  const patch = `${gameplan}/patches/{patchId}`
  await visit('POST', `${patch}/merged`, `${self}/patches/4/merged`, 409)
  await visit('POST', `${patch}/merged`, `${self}/patches/1/merged`, 200)
  await visit('POST', `${patch}/skipped`, `${self}/patches/1/skipped`, 409)
  await visit('POST', `${patch}/skipped`, `${self}/patches/2/skipped`, 200)
  await visit('PUT', gameplan, self, 409, { markdown: documentOf({ graph: ['2 [INFRA] -> []'], flag: null }) })
  await visit('PUT', gameplan, self, 412, { markdown }, { 'if-match': '"0"' })
  await visit('PUT', gameplan, self, 200, { markdown })
  await visit('POST', `${patch}/reverted`, `${self}/patches/1/reverted`, 200)
  for (const verb of ['check', 'uncheck']) {
    await visit('POST', `${gameplan}/criteria/{number}/${verb}`, `${self}/criteria/1/${verb}`, 200)
  }
  await visit('POST', `${gameplan}/criteria/{number}/check`, `${self}/criteria/7/check`, 404)
  const question = `${gameplan}/questions/{number}`
  await visit('POST', `${question}/answer`, `${self}/questions/1/answer`, 200, { answer: 'We do' })
  await visit('POST', `${question}/reopen`, `${self}/questions/1/reopen`, 200)
  for (const verb of ['pause', 'resume', 'cancel']) await visit('POST', `${gameplan}/${verb}`, `${self}/${verb}`, 200)
  await visit('POST', '/api/webhooks/github', '/api/webhooks/github', 503, {})
}
